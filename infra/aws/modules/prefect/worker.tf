locals {
  # libpq reads these; the password never stands in an address.
  postgres_environment = {
    PGHOST     = aws_db_instance.this.address
    PGPORT     = "5432"
    PGUSER     = aws_db_instance.this.username
    PGDATABASE = aws_db_instance.this.db_name
    PGSSLMODE  = "require"
  }

  worker_environment = {
    PREFECT_API_URL = local.api_url
    PREFECT_UI_URL  = "https://${var.settings.host}"
    SUREFOOT_STORE  = "postgresql://${aws_db_instance.this.username}@${aws_db_instance.this.address}:5432/surefoot?sslmode=require"
  }

  worker_secrets = merge(
    {
      PGPASSWORD              = aws_secretsmanager_secret.database.arn
      PREFECT_API_AUTH_STRING = aws_secretsmanager_secret.credential.arn
    },
    var.settings.slack_secret_arn == null ? {} : { SLACK_TOKEN = var.settings.slack_secret_arn },
  )
}

resource "aws_ecs_task_definition" "worker" {
  family                   = "${var.name}-worker"
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = 1024
  memory                   = 2048
  execution_role_arn       = aws_iam_role.execution.arn
  task_role_arn            = var.releaser_role_arn

  container_definitions = jsonencode([
    {
      name             = "database"
      image            = var.settings.worker_image
      essential        = false
      entryPoint       = ["python", "-c", file("${path.module}/databases.py")]
      command          = []
      environment      = [for name, value in merge(local.postgres_environment, { SUREFOOT_DATABASE = "surefoot" }) : { name = name, value = value }]
      secrets          = [{ name = "PGPASSWORD", valueFrom = aws_secretsmanager_secret.database.arn }]
      logConfiguration = local.log.worker
    },
    {
      name        = "worker"
      image       = var.settings.worker_image
      essential   = true
      dependsOn   = [{ containerName = "database", condition = "SUCCESS" }]
      environment = [for name, value in local.worker_environment : { name = name, value = value }]
      secrets     = [for name, arn in local.worker_secrets : { name = name, valueFrom = arn }]
      stopTimeout = 120
      healthCheck = {
        command     = ["CMD", "python", "-c", file("${path.module}/health.py"), "prefect", "worker", "start"]
        interval    = 30
        timeout     = 10
        retries     = 3
        startPeriod = 180
      }
      logConfiguration = local.log.worker
    },
  ])
}

# Two, in two zones: one goes on while the other is replaced. ECS starts them again, whatever they end of; a rollout that
# was at work is put back or resumed by the watchdog.
resource "aws_ecs_service" "worker" {
  name                               = "${var.name}-worker"
  cluster                            = var.cluster_arn
  launch_type                        = "FARGATE"
  task_definition                    = aws_ecs_task_definition.worker.arn
  desired_count                      = var.settings.workers
  deployment_minimum_healthy_percent = 50
  deployment_maximum_percent         = 150
  enable_ecs_managed_tags            = true

  deployment_circuit_breaker {
    enable   = true
    rollback = true
  }

  network_configuration {
    subnets         = var.subnet_ids
    security_groups = [aws_security_group.worker.id]
  }

  depends_on = [
    aws_ecs_service.server,
    aws_route53_record.this,
    aws_iam_role_policy.execution,
    aws_secretsmanager_secret_version.database,
    aws_secretsmanager_secret_version.credential,
  ]
}
