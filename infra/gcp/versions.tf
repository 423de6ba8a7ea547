terraform {
  # 1.11: write-only arguments and ephemeral values, so that no password is ever in the state.
  required_version = ">= 1.11"

  required_providers {
    google = {
      source  = "hashicorp/google"
      version = "~> 7.40"
    }

    random = {
      source  = "hashicorp/random"
      version = "~> 3.7"
    }
  }
}

provider "google" {
  project        = var.project
  region         = var.region
  default_labels = merge({ "managed-by" = "terraform", "part-of" = var.name }, var.labels)
}
