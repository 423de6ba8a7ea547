output "arn" {
  description = "The repository, as policies name it."
  value       = aws_ecr_repository.this.arn
}

output "url" {
  description = "The repository, as images name it."
  value       = aws_ecr_repository.this.repository_url
}
