variable "name" {
  description = "What roles begin with."
  type        = string
}

variable "cluster" {
  description = "The name of the cluster that the services stand in."
  type        = string
}

variable "services" {
  description = "The names of the services that may be released."
  type        = list(string)
}

variable "repository_arn" {
  description = "The repository that their images stand in."
  type        = string
}

variable "permissions" {
  description = "What permissions.json says."
  type = object({
    calls = list(object({ call = string, on = string, why = string }))
    also  = list(object({ permission = string, on = string, why = string }))
  })
}

variable "github" {
  description = "The repository and branch that may push images; its provider, where the account has one already."
  type        = object({ repository = string, branch = string, oidc_provider_arn = optional(string) })
}
