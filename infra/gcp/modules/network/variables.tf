variable "name" {
  description = "What the network is called."
  type        = string
}

variable "region" {
  description = "Where its subnetwork is."
  type        = string
}

variable "cidr" {
  description = "Its addresses."
  type        = string
}
