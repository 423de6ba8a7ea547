output "targets" {
  description = "By environment, the target of the service file, as it is written there."
  value = {
    for environment, one in var.environments : environment => join("", [
      "target: {kind: ecs, cluster: ${aws_ecs_cluster.this.name}, service: ${var.service.name}-${environment}, ",
      "region: ${var.region}, url: \"https://${one.host}\"}",
    ])
  }
}

output "cluster" {
  description = "The ECS cluster's name."
  value       = aws_ecs_cluster.this.name
}

output "services" {
  description = "By environment, the ECS service's name."
  value       = { for environment in keys(var.environments) : environment => "${var.service.name}-${environment}" }
}

output "region" {
  description = "The region that all of it stands in."
  value       = var.region
}

output "urls" {
  description = "By environment, where users go."
  value       = { for environment, one in var.environments : environment => "https://${one.host}" }
}

output "dns_names" {
  description = "By environment, the load balancer that the host's DNS record has to point at."
  value       = { for environment, one in module.balancer : environment => one.dns_name }
}

output "registry" {
  description = "Where images are pushed."
  value       = module.registry.url
}

output "github_role_arn" {
  description = "The role that the repository's workflow assumes; it can push images and nothing else."
  value       = module.access.github_role_arn
}

output "releaser_role_arn" {
  description = "The role that workers have: exactly what permissions.json lists."
  value       = module.access.releaser_role_arn
}

output "prefect_api_url" {
  description = "PREFECT_API_URL, inside the network."
  value       = module.prefect.api_url
}

output "prefect_credential_arn" {
  description = "The secret that holds PREFECT_API_AUTH_STRING."
  value       = module.prefect.credential_arn
}
