variable "project" {
  description = "The Google Cloud project."
  type        = string
}

variable "region" {
  description = "The region that all of it stands in."
  type        = string
}

variable "name" {
  description = "What everything made here is called, or begins with."
  type        = string
  default     = "surefoot"

  validation {
    # Service accounts take 30 characters, ours add up to 15.
    condition     = can(regex("^[a-z][a-z0-9-]{1,14}$", var.name))
    error_message = "Two to fifteen small letters, digits and dashes, a letter first."
  }
}

variable "labels" {
  description = "Labels for everything that is made here."
  type        = map(string)
  default     = {}
}

variable "cidr" {
  description = "Addresses of the network."
  type        = string
  default     = "10.50.0.0/20"
}

variable "service" {
  description = "The service that is released: its name, port, and how large an instance is."
  type = object({
    name        = string
    port        = optional(number, 8080)
    health_path = optional(string, "/readyz")
    cpu         = optional(string, "1")
    memory      = optional(string, "512Mi")
    environment = optional(map(string), {})
  })

  validation {
    # A tag and the service's name share 46 characters.
    condition     = can(regex("^[a-z][a-z0-9-]{1,20}$", var.service.name))
    error_message = "The service's name: small letters, digits and dashes, a letter first, at most 21."
  }
}

variable "first_image" {
  description = "What runs before the first release, by digest; afterwards images are Surefoot's business alone."
  type        = string

  validation {
    condition     = can(regex("@sha256:[0-9a-f]{64}$", var.first_image))
    error_message = "An image by digest: REGISTRY/IMAGE@sha256:…"
  }
}

variable "environments" {
  description = "Each environment (staging, production): whether everybody may call it, and how many instances."
  type = map(object({
    public              = optional(bool, true)
    min_instances       = optional(number, 1)
    max_instances       = optional(number, 10)
    deletion_protection = optional(bool, true)
  }))

  validation {
    condition     = alltrue([for name in keys(var.environments) : can(regex("^[a-z]{1,10}$", name))])
    error_message = "An environment's name: at most ten small letters."
  }
}

variable "prefect" {
  description = "Prefect's server and workers: images by digest in Artifact Registry, how many workers, the Slack token's secret."
  type = object({
    server_image        = string
    worker_image        = string
    workers             = optional(number, 2)
    slack_secret        = optional(string)
    database_tier       = optional(string, "db-custom-1-3840")
    database_ha         = optional(bool, true)
    password_version    = optional(number, 1)
    deletion_protection = optional(bool, true)
  })

  validation {
    condition = alltrue([
      for image in [var.prefect.server_image, var.prefect.worker_image] : can(regex("@sha256:[0-9a-f]{64}$", image))
    ])
    error_message = "Images by digest: REGISTRY/IMAGE@sha256:…"
  }
}

variable "github" {
  description = "The repository that may push images, as OWNER/NAME, and from which branch."
  type = object({
    repository = string
    branch     = optional(string, "main")
  })

  validation {
    condition     = can(regex("^[A-Za-z0-9-]+/[A-Za-z0-9._-]+$", var.github.repository))
    error_message = "One repository, without wildcards: OWNER/NAME."
  }
}
