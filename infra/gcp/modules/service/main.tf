# Made once; from then on its revisions and its traffic are Surefoot's.
resource "google_cloud_run_v2_service" "this" {
  name                 = var.name
  location             = var.region
  ingress              = "INGRESS_TRAFFIC_ALL"
  invoker_iam_disabled = var.environment.public
  deletion_protection  = var.environment.deletion_protection

  template {
    service_account = var.account

    scaling {
      min_instance_count = var.environment.min_instances
      max_instance_count = var.environment.max_instances
    }

    containers {
      image = var.image

      ports {
        container_port = var.service.port
      }

      resources {
        limits = { cpu = var.service.cpu, memory = var.service.memory }
      }

      dynamic "env" {
        for_each = var.service.environment

        content {
          name  = env.key
          value = env.value
        }
      }

      # The default only asks whether the port is open, which is before many services are ready.
      startup_probe {
        period_seconds    = 5
        failure_threshold = 24

        http_get {
          path = var.service.health_path
        }
      }
    }
  }

  # All that a rollout writes: revisions, who gets how much, and the mark. A change of the template here would make a
  # revision that takes all users at once, past every check.
  lifecycle {
    ignore_changes = [
      template,
      traffic,
      annotations,
      client,
      client_version,
    ]
  }
}
