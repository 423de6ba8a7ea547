resource "google_artifact_registry_repository" "this" {
  repository_id = var.name
  location      = var.region
  format        = "DOCKER"
  description   = "Images that are released."

  # A tag that moves would be two images under one name; releases name the digest anyway.
  docker_config {
    immutable_tags = true
  }

  # Only what has no tag: every image that was ever released has one, and may be somebody's way back.
  cleanup_policies {
    id     = "untagged"
    action = "DELETE"

    condition {
      tag_state  = "UNTAGGED"
      older_than = "30d"
    }
  }
}
