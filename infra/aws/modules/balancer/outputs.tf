output "dns_name" {
  description = "Where the host's DNS record has to point."
  value       = aws_lb.this.dns_name
}

output "target_group_arns" {
  description = "The two groups: blue, green."
  value       = { for colour, group in aws_lb_target_group.this : colour => group.arn }
}

output "production_rule_arn" {
  description = "The rule that users come by."
  value       = aws_lb_listener_rule.production.arn
}

output "preview_rule_arn" {
  description = "The rule that previews come by."
  value       = aws_lb_listener_rule.preview.arn
}

output "tasks_security_group_id" {
  description = "For the service's tasks."
  value       = aws_security_group.tasks.id
}
