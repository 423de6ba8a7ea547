variable "name" {
  description = "What the network is called."
  type        = string
}

variable "cidr" {
  description = "Its addresses."
  type        = string
}

variable "zones" {
  description = "In how many availability zones it has subnets."
  type        = number
}
