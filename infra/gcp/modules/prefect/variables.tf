variable "project" {
  description = "The Google Cloud project."
  type        = string
}

variable "region" {
  description = "Where server, workers and database are."
  type        = string
}

variable "name" {
  description = "What everything of Prefect begins with."
  type        = string
}

variable "network" {
  description = "The network and subnetwork that they send from."
  type        = object({ network = string, subnetwork = string })
}

variable "releaser" {
  description = "The workers' account."
  type        = string
}

variable "settings" {
  description = "Images by digest, how many workers, the Slack token's secret, and the database's size."
  type = object({
    server_image        = string
    worker_image        = string
    workers             = number
    slack_secret        = optional(string)
    database_tier       = string
    database_ha         = bool
    password_version    = number
    deletion_protection = bool
  })
}
