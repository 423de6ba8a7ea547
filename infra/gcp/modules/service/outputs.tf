output "name" {
  description = "The Cloud Run service's name."
  value       = google_cloud_run_v2_service.this.name
}

output "url" {
  description = "Where users go."
  value       = google_cloud_run_v2_service.this.uri
}
