# The preview: ECS points it at the new revision before any user is there. A rule on the listener that users come by,
# so that what is tried is the address, the certificate and the path that they will have.
resource "aws_lb_listener_rule" "preview" {
  listener_arn = aws_lb_listener.this.arn
  priority     = 10

  condition {
    host_header {
      values = [var.host]
    }
  }

  condition {
    http_header {
      http_header_name = var.preview.header
      values           = [var.preview.value]
    }
  }

  action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.this["blue"].arn
  }

  # Written by ECS in every rollout.
  lifecycle {
    ignore_changes = [action]
  }

  tags = { Name = "preview" }
}

# One group alone. Nobody writes these: they let Surefoot reach the revision before while both have users.
resource "aws_lb_listener_rule" "group" {
  for_each = { blue = 20, green = 21 }

  listener_arn = aws_lb_listener.this.arn
  priority     = each.value

  condition {
    host_header {
      values = [var.host]
    }
  }

  condition {
    http_header {
      http_header_name = var.group_header
      values           = [each.key]
    }
  }

  action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.this[each.key].arn
  }

  tags = { Name = each.key }
}

resource "aws_lb_listener_rule" "production" {
  listener_arn = aws_lb_listener.this.arn
  priority     = 100

  condition {
    host_header {
      values = [var.host]
    }
  }

  action {
    type = "forward"

    forward {
      target_group {
        arn    = aws_lb_target_group.this["blue"].arn
        weight = 100
      }

      target_group {
        arn    = aws_lb_target_group.this["green"].arn
        weight = 0
      }
    }
  }

  # Written by ECS in every rollout. Were Terraform to write it too, an apply would undo one, or stop the service.
  lifecycle {
    ignore_changes = [action]
  }

  tags = { Name = "production" }
}
