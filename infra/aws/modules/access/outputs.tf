output "service_roles" {
  description = "The roles that a service needs: to start, to run, and for ECS to move its weights."
  value = {
    execution      = aws_iam_role.execution.arn
    task           = aws_iam_role.task.arn
    infrastructure = aws_iam_role.infrastructure.arn
  }

  # A role without its policy would fail the first deployment, and hold up the deletion of the service.
  depends_on = [aws_iam_role_policy.execution, aws_iam_role_policy_attachment.infrastructure]
}

output "releaser_role_arn" {
  description = "The workers' task role."
  value       = aws_iam_role.releaser.arn

  depends_on = [aws_iam_role_policy.releaser]
}

output "github_role_arn" {
  description = "The workflow's role."
  value       = aws_iam_role.github.arn
}
