locals {
  api_url = "https://${var.settings.host}/api"

  log = {
    for what in ["server", "worker"] : what => {
      logDriver = "awslogs"
      options = {
        awslogs-group         = aws_cloudwatch_log_group.this.name
        awslogs-region        = data.aws_region.here.id
        awslogs-stream-prefix = what
      }
    }
  }

  server_environment = {
    PREFECT_SERVER_API_HOST                    = "0.0.0.0"
    PREFECT_SERVER_API_PORT                    = "4200"
    PREFECT_SERVER_UI_API_URL                  = local.api_url
    PREFECT_SERVER_CORS_ALLOWED_ORIGINS        = "https://${var.settings.host}"
    PREFECT_SERVER_ANALYTICS_ENABLED           = "false"
    PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT = "false"
    PREFECT_SERVER_DATABASE_DRIVER             = "postgresql+asyncpg"
    PREFECT_SERVER_DATABASE_HOST               = aws_db_instance.this.address
    PREFECT_SERVER_DATABASE_PORT               = "5432"
    PREFECT_SERVER_DATABASE_NAME               = aws_db_instance.this.db_name
    PREFECT_SERVER_DATABASE_USER               = aws_db_instance.this.username
    DO_NOT_TRACK                               = "1"
  }

  server_secrets = {
    PREFECT_SERVER_DATABASE_PASSWORD = aws_secretsmanager_secret.database.arn
    PREFECT_SERVER_API_AUTH_STRING   = aws_secretsmanager_secret.credential.arn
  }
}

resource "aws_ecs_task_definition" "server" {
  family                   = "${var.name}-prefect-server"
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = 512
  memory                   = 1024
  execution_role_arn       = aws_iam_role.execution.arn

  container_definitions = jsonencode([{
    name         = "server"
    image        = var.settings.server_image
    essential    = true
    command      = ["prefect", "server", "start"]
    portMappings = [{ containerPort = 4200, protocol = "tcp" }]
    environment  = [for name, value in local.server_environment : { name = name, value = value }]
    secrets      = [for name, arn in local.server_secrets : { name = name, valueFrom = arn }]
    healthCheck = {
      command     = ["CMD", "python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:4200/api/health', timeout=4)"]
      interval    = 15
      timeout     = 5
      retries     = 4
      startPeriod = 120
    }
    logConfiguration = local.log.server
  }])
}

# One. Two of them would each run Prefect's own services on their own queue in memory, and do some things twice; more
# than one needs Redis. So the old one ends before the new one begins: workers wait out the seconds between.
resource "aws_ecs_service" "server" {
  name                               = "${var.name}-prefect-server"
  cluster                            = var.cluster_arn
  launch_type                        = "FARGATE"
  task_definition                    = aws_ecs_task_definition.server.arn
  desired_count                      = 1
  deployment_minimum_healthy_percent = 0
  deployment_maximum_percent         = 100
  health_check_grace_period_seconds  = 180
  enable_ecs_managed_tags            = true

  deployment_circuit_breaker {
    enable   = true
    rollback = true
  }

  load_balancer {
    target_group_arn = aws_lb_target_group.this.arn
    container_name   = "server"
    container_port   = 4200
  }

  network_configuration {
    subnets         = var.subnet_ids
    security_groups = [aws_security_group.server.id]
  }

  depends_on = [
    aws_lb_listener.this,
    aws_iam_role_policy.execution,
    aws_secretsmanager_secret_version.database,
    aws_secretsmanager_secret_version.credential,
  ]
}
