# What permissions.json calls a place, in ARNs. `account` is what IAM cannot narrow: those calls read, or register what
# nothing runs as until UpdateService, which is narrowed.
locals {
  places = {
    account     = ["*"]
    cluster     = ["*"] # narrowed by a condition: IAM has no resource for it
    service     = [for name in var.services : "${local.ecs}:service/${var.cluster}/${name}"]
    deployments = [for name in var.services : "${local.ecs}:service-deployment/${var.cluster}/${name}/*"]
    revisions   = [for name in var.services : "${local.ecs}:service-revision/${var.cluster}/${name}/*"]
    tasks       = ["${local.ecs}:task/${var.cluster}/*"]
    tagged = flatten([for name in var.services : [
      "${local.ecs}:service/${var.cluster}/${name}",
      "${local.ecs}:task-definition/${name}:*",
    ]])
    repository = [var.repository_arn]
    roles      = [aws_iam_role.execution.arn, aws_iam_role.task.arn]
  }

  granted = concat(
    [for one in var.permissions.calls : { action = one.call, on = one.on }],
    [for one in var.permissions.also : { action = one.permission, on = one.on }],
  )

  conditions = {
    cluster = { test = "ArnEquals", variable = "ecs:cluster", values = ["${local.ecs}:cluster/${var.cluster}"] }
    roles   = { test = "StringEquals", variable = "iam:PassedToService", values = ["ecs-tasks.amazonaws.com"] }
  }
}

data "aws_iam_policy_document" "releaser" {
  dynamic "statement" {
    for_each = toset([for one in local.granted : one.on])

    content {
      sid       = statement.value
      actions   = [for one in local.granted : one.action if one.on == statement.value]
      resources = local.places[statement.value]

      dynamic "condition" {
        for_each = [for place, condition in local.conditions : condition if place == statement.value]

        content {
          test     = condition.value.test
          variable = condition.value.variable
          values   = condition.value.values
        }
      }
    }
  }
}

# The workers' task role: what a run may do in AWS is this and nothing else.
resource "aws_iam_role" "releaser" {
  name               = "${var.name}-releaser"
  description        = "Surefoot's workers: releases ${join(", ", var.services)}."
  assume_role_policy = data.aws_iam_policy_document.tasks.json
}

resource "aws_iam_role_policy" "releaser" {
  name   = "permissions"
  role   = aws_iam_role.releaser.id
  policy = data.aws_iam_policy_document.releaser.json
}
