variable "name" {
  description = "What everything of Prefect begins with."
  type        = string
}

variable "cluster_arn" {
  description = "The cluster that server and workers run in."
  type        = string
}

variable "vpc_id" {
  description = "The network."
  type        = string
}

variable "subnet_ids" {
  description = "Private subnets in two zones or more."
  type        = list(string)
}

variable "releaser_role_arn" {
  description = "The workers' task role."
  type        = string
}

variable "settings" {
  description = "Images by digest, the private host and its certificate, how many workers, who may open the pages."
  type = object({
    server_image        = string
    worker_image        = string
    host                = string
    certificate_arn     = string
    workers             = number
    operator_cidrs      = list(string)
    slack_secret_arn    = optional(string)
    database_class      = string
    database_multi_az   = bool
    password_version    = number
    deletion_protection = bool
  })
}
