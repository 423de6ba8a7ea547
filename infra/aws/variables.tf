variable "name" {
  description = "What everything made here is called, or begins with."
  type        = string
  default     = "surefoot"

  validation {
    # Load balancers and target groups take 32 characters, ours add up to 21.
    condition     = can(regex("^[a-z][a-z0-9-]{1,10}$", var.name))
    error_message = "Two to eleven small letters, digits and dashes, a letter first."
  }
}

variable "region" {
  description = "AWS region."
  type        = string
}

variable "tags" {
  description = "Tags for everything that is made here."
  type        = map(string)
  default     = {}
}

variable "cidr" {
  description = "Addresses of the network."
  type        = string
  default     = "10.40.0.0/16"
}

variable "zones" {
  description = "In how many availability zones things stand."
  type        = number
  default     = 2
}

variable "service" {
  description = "The service that is released: its name, container, and how large a task is."
  type = object({
    name        = string
    port        = optional(number, 8080)
    health_path = optional(string, "/readyz")
    cpu         = optional(number, 256)
    memory      = optional(number, 512)
    environment = optional(map(string), {})
  })

  validation {
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
  description = "Each environment (staging, production): its host, the ACM certificate for that, and how many tasks."
  type = map(object({
    host                = string
    certificate_arn     = string
    desired_count       = optional(number, 2)
    strategy            = optional(string, "CANARY")
    step_percent        = optional(number, 10)
    pause_minutes       = optional(number, 60)
    deletion_protection = optional(bool, true)
  }))

  validation {
    condition     = alltrue([for name in keys(var.environments) : can(regex("^[a-z]{1,10}$", name))])
    error_message = "An environment's name: at most ten small letters."
  }

  validation {
    condition     = alltrue([for one in values(var.environments) : contains(["BLUE_GREEN", "CANARY", "LINEAR"], one.strategy)])
    error_message = "A strategy with two target groups: BLUE_GREEN, CANARY or LINEAR."
  }
}

variable "preview" {
  description = "The header that leads a request to a revision without users. Its value keeps strangers away; it is no secret."
  type = object({
    header = optional(string, "x-surefoot-preview")
    value  = string
  })
}

variable "group_header" {
  description = "The header that leads a request to one group alone, `blue` or `green`, while both have users."
  type        = string
  default     = "x-surefoot-group"
}
