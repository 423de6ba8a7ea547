data "aws_caller_identity" "this" {}

data "aws_region" "here" {}

data "aws_partition" "this" {}

locals {
  account = data.aws_caller_identity.this.account_id
  ecs     = "arn:${data.aws_partition.this.partition}:ecs:${data.aws_region.here.id}:${local.account}"
  logs    = "arn:${data.aws_partition.this.partition}:logs:${data.aws_region.here.id}:${local.account}"
}

# Only tasks of this account.
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
      values   = [local.account]
    }
  }
}
