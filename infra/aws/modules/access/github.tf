# An account has at most one provider for GitHub; where it is there already, it is named instead of made.
resource "aws_iam_openid_connect_provider" "github" {
  count = var.github.oidc_provider_arn == null ? 1 : 0

  url            = "https://token.actions.githubusercontent.com"
  client_id_list = ["sts.amazonaws.com"]
}

locals {
  provider_arn = coalesce(var.github.oidc_provider_arn, one(aws_iam_openid_connect_provider.github[*].arn))
}

# One repository, one branch: a pull request or a fork gets nothing.
data "aws_iam_policy_document" "workflow" {
  statement {
    actions = ["sts:AssumeRoleWithWebIdentity"]

    principals {
      type        = "Federated"
      identifiers = [local.provider_arn]
    }

    condition {
      test     = "StringEquals"
      variable = "token.actions.githubusercontent.com:aud"
      values   = ["sts.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "token.actions.githubusercontent.com:sub"
      values   = ["repo:${var.github.repository}:ref:refs/heads/${var.github.branch}"]
    }
  }
}

data "aws_iam_policy_document" "push" {
  statement {
    sid       = "login"
    actions   = ["ecr:GetAuthorizationToken"]
    resources = ["*"] # IAM knows no resource for it
  }

  statement {
    sid = "push"
    actions = [
      "ecr:BatchCheckLayerAvailability",
      "ecr:BatchGetImage",
      "ecr:CompleteLayerUpload",
      "ecr:InitiateLayerUpload",
      "ecr:PutImage",
      "ecr:UploadLayerPart",
    ]
    resources = [var.repository_arn]
  }
}

resource "aws_iam_role" "github" {
  name               = "${var.name}-github"
  description        = "GitHub's workflow: pushes images, and nothing else."
  assume_role_policy = data.aws_iam_policy_document.workflow.json
}

resource "aws_iam_role_policy" "github" {
  name   = "push"
  role   = aws_iam_role.github.id
  policy = data.aws_iam_policy_document.push.json
}
