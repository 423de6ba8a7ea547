output "api_url" {
  description = "PREFECT_API_URL, inside the network."
  value       = local.api_url
}

output "credential" {
  description = "The secret that holds PREFECT_API_AUTH_STRING."
  value       = google_secret_manager_secret.this["credential"].secret_id
}
