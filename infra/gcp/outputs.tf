output "targets" {
  description = "By environment, the target of the service file, as it is written there."
  value = {
    for environment, one in module.service : environment =>
    "target: {kind: cloud_run, project: ${var.project}, region: ${var.region}, service: ${one.name}}"
  }
}

output "services" {
  description = "By environment, the Cloud Run service's name."
  value       = { for environment, one in module.service : environment => one.name }
}

output "region" {
  description = "The region that all of it stands in."
  value       = var.region
}

output "urls" {
  description = "By environment, where users go."
  value       = { for environment, one in module.service : environment => one.url }
}

output "registry" {
  description = "REGISTRY of the release workflow: where images are pushed."
  value       = module.registry.url
}

output "workload_identity_provider" {
  description = "WORKLOAD_IDENTITY_PROVIDER of the release workflow."
  value       = module.access.workload_identity_provider
}

output "pusher" {
  description = "PUSHER of the release workflow; it can push images and nothing else."
  value       = module.access.pusher
}

output "releaser" {
  description = "The account that workers have."
  value       = module.access.releaser
}

output "prefect_api_url" {
  description = "PREFECT_API_URL, inside the network."
  value       = module.prefect.api_url
}

output "prefect_credential" {
  description = "The secret that holds PREFECT_API_AUTH_STRING."
  value       = module.prefect.credential
}
