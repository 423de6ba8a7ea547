# ECS itself, when it starts a task: pulls the image, writes the log.
data "aws_iam_policy_document" "execution" {
  statement {
    sid       = "login"
    actions   = ["ecr:GetAuthorizationToken"]
    resources = ["*"] # IAM knows no resource for it
  }

  statement {
    sid       = "pull"
    actions   = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
    resources = [var.repository_arn]
  }

  statement {
    sid       = "log"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${local.logs}:log-group:/${var.name}/services/*"]
  }
}

resource "aws_iam_role" "execution" {
  name               = "${var.name}-execution"
  description        = "ECS, to start the service's tasks."
  assume_role_policy = data.aws_iam_policy_document.tasks.json
}

resource "aws_iam_role_policy" "execution" {
  name   = "start"
  role   = aws_iam_role.execution.id
  policy = data.aws_iam_policy_document.execution.json
}

# The service's own role: nothing, until the service needs something. Attach that here.
resource "aws_iam_role" "task" {
  name               = "${var.name}-task"
  description        = "What the released service itself may do."
  assume_role_policy = data.aws_iam_policy_document.tasks.json
}

# ECS, when it moves weights and registers targets during a deployment.
data "aws_iam_policy_document" "ecs" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["ecs.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account]
    }
  }
}

resource "aws_iam_role" "infrastructure" {
  name               = "${var.name}-infrastructure"
  description        = "ECS, to move the load balancer's weights."
  assume_role_policy = data.aws_iam_policy_document.ecs.json
}

resource "aws_iam_role_policy_attachment" "infrastructure" {
  role       = aws_iam_role.infrastructure.name
  policy_arn = "arn:${data.aws_partition.this.partition}:iam::aws:policy/AmazonECSInfrastructureRolePolicyForLoadBalancers"
}
