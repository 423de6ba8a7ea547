variable "project" {
  description = "The Google Cloud project."
  type        = string
}

variable "region" {
  description = "Where services and repository are."
  type        = string
}

variable "name" {
  description = "What accounts and roles begin with."
  type        = string
}

variable "services" {
  description = "By environment, the name of the service that may be released."
  type        = map(string)
}

variable "runtime" {
  description = "The account that their revisions run as."
  type        = string
}

variable "repository" {
  description = "The repository that their images stand in."
  type        = string
}

variable "permissions" {
  description = "What permissions.json says."
  type = object({
    calls = list(object({ call = string, permission = string, on = string, why = string }))
    also  = list(object({ permission = string, on = string, why = string }))
  })
}

variable "github" {
  description = "The repository and branch that may push images."
  type        = object({ repository = string, branch = string })
}
