# One PostgreSQL with a private address only; two databases in it, each with a user of its own.
resource "google_sql_database_instance" "this" {
  name                = "${var.name}-prefect"
  region              = var.region
  database_version    = "POSTGRES_16"
  deletion_protection = var.settings.deletion_protection

  settings {
    edition                     = "ENTERPRISE"
    tier                        = var.settings.database_tier
    availability_type           = var.settings.database_ha ? "REGIONAL" : "ZONAL"
    disk_autoresize             = true
    deletion_protection_enabled = var.settings.deletion_protection

    ip_configuration {
      ipv4_enabled    = false
      private_network = var.network.network
      ssl_mode        = "ENCRYPTED_ONLY"
    }

    backup_configuration {
      enabled                        = true
      point_in_time_recovery_enabled = true
    }
  }
}

resource "google_sql_database" "this" {
  for_each = toset(["prefect", "surefoot"])

  name     = each.key
  instance = google_sql_database_instance.this.name
}

resource "google_sql_user" "prefect" {
  name                = "prefect"
  instance            = google_sql_database_instance.this.name
  password_wo         = ephemeral.random_password.prefect_database.result
  password_wo_version = var.settings.password_version
}

resource "google_sql_user" "surefoot" {
  name                = "surefoot"
  instance            = google_sql_database_instance.this.name
  password_wo         = ephemeral.random_password.surefoot_database.result
  password_wo_version = var.settings.password_version
}
