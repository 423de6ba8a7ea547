output "api_url" {
  description = "PREFECT_API_URL, inside the network."
  value       = local.api_url
}

output "credential_arn" {
  description = "The secret that holds PREFECT_API_AUTH_STRING."
  value       = aws_secretsmanager_secret.credential.arn
}
