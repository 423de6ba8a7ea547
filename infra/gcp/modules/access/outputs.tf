output "releaser" {
  description = "The workers' account."
  value       = google_service_account.releaser.email
}

output "pusher" {
  description = "The workflow's account."
  value       = google_service_account.pusher.email
}

output "workload_identity_provider" {
  description = "The provider, as the workflow names it."
  value       = google_iam_workload_identity_pool_provider.github.name
}
