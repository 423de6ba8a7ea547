variable "name" {
  description = "What the load balancer is called; its target groups add -blue and -green."
  type        = string
}

variable "vpc_id" {
  description = "The network it stands in."
  type        = string
}

variable "subnet_ids" {
  description = "Public subnets in two zones or more."
  type        = list(string)
}

variable "host" {
  description = "The host that users ask for."
  type        = string
}

variable "certificate_arn" {
  description = "The ACM certificate of that host."
  type        = string
}

variable "port" {
  description = "The port that the service's container listens on."
  type        = number
}

variable "health_path" {
  description = "Answered with 200 by a task that can take users."
  type        = string
}

variable "preview" {
  description = "The header, and its value, that lead to a revision without users."
  type        = object({ header = string, value = string })
}

variable "group_header" {
  description = "The header that leads to one group alone."
  type        = string
}

variable "deletion_protection" {
  description = "Whether AWS refuses to delete the load balancer."
  type        = bool
}
