data "aws_region" "here" {}

resource "aws_cloudwatch_log_group" "this" {
  name              = "/${var.group}/services/${var.name}"
  retention_in_days = 90
}

# The first of its family. Every later one is registered by Surefoot, from the one that runs: its image is the
# release's, everything else stays. So a change here reaches no task; make it there (docs/infrastructure.md).
resource "aws_ecs_task_definition" "first" {
  family                   = var.name
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = var.service.cpu
  memory                   = var.service.memory
  execution_role_arn       = var.roles.execution
  task_role_arn            = var.roles.task
  # What ran before is somebody's way back.
  skip_destroy = true

  container_definitions = jsonencode([{
    name         = var.service.name
    image        = var.image
    essential    = true
    portMappings = [{ containerPort = var.service.port, protocol = "tcp" }]
    environment  = [for name, value in var.service.environment : { name = name, value = value }]
    stopTimeout  = 60
    logConfiguration = {
      logDriver = "awslogs"
      options = {
        awslogs-group         = aws_cloudwatch_log_group.this.name
        awslogs-region        = data.aws_region.here.id
        awslogs-stream-prefix = "service"
      }
    }
  }])
}

resource "aws_ecs_service" "this" {
  name                              = var.name
  cluster                           = var.cluster_arn
  launch_type                       = "FARGATE"
  task_definition                   = aws_ecs_task_definition.first.arn
  desired_count                     = var.rollout.desired_count
  health_check_grace_period_seconds = 30
  enable_ecs_managed_tags           = true

  deployment_controller {
    type = "ECS"
  }

  # What a rollout that is not Surefoot's would do: climb only as far as somebody says at each pause, and go back by
  # itself when nobody does. Surefoot writes its own plan over it, with pauses at the same stages.
  deployment_configuration {
    strategy             = var.rollout.strategy
    bake_time_in_minutes = 0

    dynamic "canary_configuration" {
      for_each = var.rollout.strategy == "CANARY" ? [var.rollout.step_percent] : []

      content {
        canary_percent              = canary_configuration.value
        canary_bake_time_in_minutes = 0
      }
    }

    dynamic "linear_configuration" {
      for_each = var.rollout.strategy == "LINEAR" ? [var.rollout.step_percent] : []

      content {
        step_percent              = linear_configuration.value
        step_bake_time_in_minutes = 0
      }
    }

    lifecycle_hook {
      target_type = "PAUSE"
      lifecycle_stages = [
        "POST_TEST_TRAFFIC_SHIFT",
        "PRE_PRODUCTION_TRAFFIC_SHIFT",
        "POST_PRODUCTION_TRAFFIC_SHIFT",
      ]

      timeout_configuration {
        timeout_in_minutes = var.rollout.pause_minutes
        action             = "ROLLBACK"
      }
    }
  }

  load_balancer {
    target_group_arn = var.balancer.target_group_arns["blue"]
    container_name   = var.service.name
    container_port   = var.service.port

    advanced_configuration {
      alternate_target_group_arn = var.balancer.target_group_arns["green"]
      production_listener_rule   = var.balancer.production_rule_arn
      test_listener_rule         = var.balancer.preview_rule_arn
      role_arn                   = var.roles.infrastructure
    }
  }

  network_configuration {
    subnets         = var.subnet_ids
    security_groups = [var.balancer.tasks_security_group_id]
  }

  # All that a rollout writes: what runs, how it climbs, which group has the users, and the mark (tags). And the number
  # of tasks, which autoscaling writes.
  lifecycle {
    ignore_changes = [
      task_definition,
      desired_count,
      deployment_configuration,
      deployment_circuit_breaker,
      deployment_maximum_percent,
      deployment_minimum_healthy_percent,
      load_balancer,
      tags,
      tags_all,
    ]
  }
}
