variable "name" {
  description = "The Cloud Run service's name."
  type        = string
}

variable "region" {
  description = "Where it runs."
  type        = string
}

variable "image" {
  description = "The first image, by digest."
  type        = string
}

variable "service" {
  description = "The container: its port, size, health path and environment."
  type = object({
    port        = number
    health_path = string
    cpu         = string
    memory      = string
    environment = map(string)
  })
}

variable "environment" {
  description = "Whether everybody may call it, how many instances, and whether Terraform refuses to delete it."
  type        = object({ public = bool, min_instances = number, max_instances = number, deletion_protection = bool })
}

variable "account" {
  description = "The account that its revisions run as."
  type        = string
}
