output "name" {
  description = "The repository, as policies name it."
  value       = google_artifact_registry_repository.this.name
}

output "url" {
  description = "The repository, as images name it."
  value       = join("/", ["${var.region}-docker.pkg.dev", google_artifact_registry_repository.this.project, var.name])
}
