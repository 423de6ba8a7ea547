# Made during an apply, handed on, forgotten: neither is in the state or in a plan. password_version + 1 writes new ones
# everywhere; then start server and workers again.
ephemeral "random_password" "prefect_database" {
  length  = 40
  special = false
}

ephemeral "random_password" "surefoot_database" {
  length  = 40
  special = false
}

ephemeral "random_password" "credential" {
  length  = 40
  special = false
}

resource "google_secret_manager_secret" "this" {
  # By what it holds, who reads it.
  for_each = local.readers

  secret_id = "${var.name}-${each.key}"

  replication {
    user_managed {
      replicas {
        location = var.region
      }
    }
  }
}

resource "google_secret_manager_secret_version" "prefect_database" {
  secret                 = google_secret_manager_secret.this["prefect-database"].id
  secret_data_wo         = ephemeral.random_password.prefect_database.result
  secret_data_wo_version = var.settings.password_version

  # Who starts while it is replaced finds one.
  lifecycle {
    create_before_destroy = true
  }
}

resource "google_secret_manager_secret_version" "surefoot_database" {
  secret                 = google_secret_manager_secret.this["surefoot-database"].id
  secret_data_wo         = ephemeral.random_password.surefoot_database.result
  secret_data_wo_version = var.settings.password_version

  # Who starts while it is replaced finds one.
  lifecycle {
    create_before_destroy = true
  }
}

# PREFECT_API_AUTH_STRING. Whoever has it can approve, and run commands on the workers.
resource "google_secret_manager_secret_version" "credential" {
  secret                 = google_secret_manager_secret.this["credential"].id
  secret_data_wo         = "surefoot:${ephemeral.random_password.credential.result}"
  secret_data_wo_version = var.settings.password_version

  # Who starts while it is replaced finds one.
  lifecycle {
    create_before_destroy = true
  }
}
