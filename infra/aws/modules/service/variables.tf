variable "name" {
  description = "The ECS service's name, and its task definitions' family."
  type        = string
}

variable "group" {
  description = "What its log group begins with."
  type        = string
}

variable "cluster_arn" {
  description = "The cluster it stands in."
  type        = string
}

variable "image" {
  description = "The first image, by digest."
  type        = string
}

variable "service" {
  description = "The container: its name, port, size and environment."
  type = object({
    name        = string
    port        = number
    cpu         = number
    memory      = number
    environment = map(string)
  })
}

variable "subnet_ids" {
  description = "Where its tasks stand."
  type        = list(string)
}

variable "balancer" {
  description = "Its load balancer: the two groups, the two rules that ECS writes, and the tasks' security group."
  type = object({
    target_group_arns       = map(string)
    production_rule_arn     = string
    preview_rule_arn        = string
    tasks_security_group_id = string
  })
}

variable "roles" {
  description = "Its roles: to start, to run, and for ECS to move the weights."
  type        = object({ execution = string, task = string, infrastructure = string })
}

variable "rollout" {
  description = "How many tasks; and how a deployment goes that Surefoot did not begin."
  type        = object({ desired_count = number, strategy = string, step_percent = number, pause_minutes = number })
}
