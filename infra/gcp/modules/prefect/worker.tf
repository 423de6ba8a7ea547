locals {
  worker_environment = {
    PREFECT_API_URL = local.api_url
    PREFECT_UI_URL  = local.url
    SUREFOOT_STORE = join("", [
      "postgresql://${google_sql_user.surefoot.name}@${google_sql_database_instance.this.private_ip_address}:5432/",
      "${google_sql_database.this["surefoot"].name}?sslmode=require",
    ])
  }

  # By variable: the secret and its version. libpq reads PGPASSWORD; the password never stands in an address.
  worker_secrets = merge(
    {
      PGPASSWORD = {
        secret  = google_secret_manager_secret_version.surefoot_database.secret
        version = google_secret_manager_secret_version.surefoot_database.version
      }
      PREFECT_API_AUTH_STRING = {
        secret  = google_secret_manager_secret_version.credential.secret
        version = google_secret_manager_secret_version.credential.version
      }
    },
    var.settings.slack_secret == null ? {} : { SLACK_TOKEN = { secret = var.settings.slack_secret, version = "latest" } },
  )
}

# A worker pool, not a service: a worker asks for work and answers nobody, and a service has to listen on a port, and is
# given CPU and instances by the requests it gets. Cloud Run starts an instance again when its process ends; a rollout
# that was at work is put back or resumed by the watchdog.
resource "google_cloud_run_v2_worker_pool" "this" {
  name                = "${var.name}-worker"
  location            = var.region
  deletion_protection = var.settings.deletion_protection

  scaling {
    manual_instance_count = var.settings.workers
  }

  template {
    service_account = var.releaser

    # Everything by the network: Prefect's server takes only what comes from there.
    vpc_access {
      egress = "ALL_TRAFFIC"

      network_interfaces {
        network    = var.network.network
        subnetwork = var.network.subnetwork
      }
    }

    containers {
      image = var.settings.worker_image

      resources {
        limits = { cpu = "1", memory = "2Gi" }
      }

      dynamic "env" {
        for_each = local.worker_environment

        content {
          name  = env.key
          value = env.value
        }
      }

      dynamic "env" {
        for_each = local.worker_secrets

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
    }
  }

  depends_on = [
    google_cloud_run_v2_service.server,
    google_secret_manager_secret_iam_member.reader,
    google_secret_manager_secret_iam_member.slack,
  ]
}
