terraform {
  # 1.11: write-only arguments and ephemeral values, so that no password is ever in the state.
  required_version = ">= 1.11"

  required_providers {
    aws = {
      source = "hashicorp/aws"
      # 6.66.0 is the first whose aws_ecs_service knows PAUSE hooks; 5.x has no deployment strategy at all.
      version = "~> 6.66"
    }
  }
}

provider "aws" {
  region = var.region

  default_tags {
    tags = merge({ "managed-by" = "terraform", "part-of" = var.name }, var.tags)
  }
}
