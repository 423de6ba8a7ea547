data "google_project" "this" {
  project_id = var.project
}

locals {
  server_name = "${var.name}-prefect"
  # Known before it is made, so that the server can be told its own address.
  url     = "https://${local.server_name}-${data.google_project.this.number}.${var.region}.run.app"
  api_url = "${local.url}/api"

  server_environment = {
    PREFECT_SERVER_API_HOST                    = "0.0.0.0"
    PREFECT_SERVER_API_PORT                    = "4200"
    PREFECT_SERVER_UI_API_URL                  = local.api_url
    PREFECT_SERVER_CORS_ALLOWED_ORIGINS        = local.url
    PREFECT_SERVER_ANALYTICS_ENABLED           = "false"
    PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT = "false"
    PREFECT_SERVER_DATABASE_DRIVER             = "postgresql+asyncpg"
    PREFECT_SERVER_DATABASE_HOST               = google_sql_database_instance.this.private_ip_address
    PREFECT_SERVER_DATABASE_PORT               = "5432"
    PREFECT_SERVER_DATABASE_NAME               = google_sql_database.this["prefect"].name
    PREFECT_SERVER_DATABASE_USER               = google_sql_user.prefect.name
    DO_NOT_TRACK                               = "1"
  }

  server_secrets = {
    PREFECT_SERVER_DATABASE_PASSWORD = google_secret_manager_secret_version.prefect_database
    PREFECT_SERVER_API_AUTH_STRING   = google_secret_manager_secret_version.credential
  }
}

# One, always on. Two would each run Prefect's own services on their own queue in memory, and do some things twice; and
# with a CPU only while it answers, schedules and automations would stand still.
#
# Reached from inside the network only, then by Prefect's own credential: that one takes the header in which Google's
# identity token would have to be, so the two cannot be asked for at once.
resource "google_cloud_run_v2_service" "server" {
  name                 = local.server_name
  location             = var.region
  ingress              = "INGRESS_TRAFFIC_INTERNAL_ONLY"
  invoker_iam_disabled = true
  deletion_protection  = var.settings.deletion_protection

  template {
    service_account = local.server
    timeout         = "3600s"

    scaling {
      min_instance_count = 1
      max_instance_count = 1
    }

    vpc_access {
      egress = "PRIVATE_RANGES_ONLY"

      network_interfaces {
        network    = var.network.network
        subnetwork = var.network.subnetwork
      }
    }

    containers {
      image = var.settings.server_image
      args  = ["prefect", "server", "start"]

      ports {
        container_port = 4200
      }

      resources {
        cpu_idle = false
        limits   = { cpu = "1", memory = "1Gi" }
      }

      dynamic "env" {
        for_each = local.server_environment

        content {
          name  = env.key
          value = env.value
        }
      }

      dynamic "env" {
        for_each = local.server_secrets

        content {
          name = env.key

          value_source {
            secret_key_ref {
              secret  = env.value.secret
              version = env.value.version
            }
          }
        }
      }

      # The first start makes the tables.
      startup_probe {
        period_seconds    = 5
        failure_threshold = 48

        http_get {
          path = "/api/health"
        }
      }

      liveness_probe {
        period_seconds    = 15
        timeout_seconds   = 5
        failure_threshold = 4

        http_get {
          path = "/api/health"
        }
      }
    }
  }

  depends_on = [google_secret_manager_secret_iam_member.reader]
}
