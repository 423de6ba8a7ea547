variable "name" {
  description = "The repository's name."
  type        = string
}

variable "region" {
  description = "Where it is."
  type        = string
}
