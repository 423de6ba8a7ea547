data "aws_caller_identity" "this" {}

data "aws_region" "here" {}

data "aws_partition" "this" {}

data "aws_iam_policy_document" "tasks" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["ecs-tasks.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [data.aws_caller_identity.this.account_id]
    }
  }
}

# ECS, when it starts server and workers: of this account's images any, of its secrets only theirs.
data "aws_iam_policy_document" "execution" {
  statement {
    sid       = "login"
    actions   = ["ecr:GetAuthorizationToken"]
    resources = ["*"] # IAM knows no resource for it
  }

  statement {
    sid     = "pull"
    actions = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
    resources = [
      "arn:${data.aws_partition.this.partition}:ecr:${data.aws_region.here.id}:${data.aws_caller_identity.this.account_id}:repository/*",
    ]
  }

  statement {
    sid       = "log"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${aws_cloudwatch_log_group.this.arn}:*"]
  }

  statement {
    sid     = "secrets"
    actions = ["secretsmanager:GetSecretValue"]
    resources = compact([
      aws_secretsmanager_secret.database.arn,
      aws_secretsmanager_secret.credential.arn,
      var.settings.slack_secret_arn,
    ])
  }
}

resource "aws_iam_role" "execution" {
  name               = "${var.name}-prefect-execution"
  description        = "ECS, to start Prefect's server and the workers."
  assume_role_policy = data.aws_iam_policy_document.tasks.json
}

resource "aws_iam_role_policy" "execution" {
  name   = "start"
  role   = aws_iam_role.execution.id
  policy = data.aws_iam_policy_document.execution.json
}

resource "aws_cloudwatch_log_group" "this" {
  name              = "/${var.name}/prefect"
  retention_in_days = 90
}
