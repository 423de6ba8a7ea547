variable "prefect" {
  description = "Prefect's server and workers: images by digest, the private host of its pages, and the certificate for that."
  type = object({
    server_image        = string
    worker_image        = string
    host                = string
    certificate_arn     = string
    workers             = optional(number, 2)
    operator_cidrs      = optional(list(string), [])
    slack_secret_arn    = optional(string)
    database_class      = optional(string, "db.t4g.micro")
    database_multi_az   = optional(bool, true)
    password_version    = optional(number, 1)
    deletion_protection = optional(bool, true)
  })

  validation {
    condition = alltrue([
      for image in [var.prefect.server_image, var.prefect.worker_image] : can(regex("@sha256:[0-9a-f]{64}$", image))
    ])
    error_message = "Images by digest: REGISTRY/IMAGE@sha256:…"
  }

  validation {
    condition     = alltrue([for cidr in var.prefect.operator_cidrs : tonumber(split("/", cidr)[1]) >= 8])
    error_message = "Whoever reaches Prefect can approve: name your own networks, not everybody's."
  }
}

variable "github" {
  description = "The repository that may push images, as OWNER/NAME, and from which branch."
  type = object({
    repository        = string
    branch            = optional(string, "main")
    oidc_provider_arn = optional(string)
  })

  validation {
    condition     = can(regex("^[^/*?]+/[^/*?]+$", var.github.repository))
    error_message = "One repository, without wildcards: OWNER/NAME."
  }
}
