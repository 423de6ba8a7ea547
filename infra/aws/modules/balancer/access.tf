resource "aws_security_group" "balancer" {
  name        = "${var.name}-balancer"
  description = "The load balancer: users from anywhere, by HTTP only to be sent to HTTPS."
  vpc_id      = var.vpc_id
}

resource "aws_vpc_security_group_ingress_rule" "users" {
  for_each = { http = 80, https = 443 }

  security_group_id = aws_security_group.balancer.id
  description       = "Users, by ${each.key}"
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "tcp"
  from_port         = each.value
  to_port           = each.value
}

resource "aws_vpc_security_group_egress_rule" "tasks" {
  security_group_id            = aws_security_group.balancer.id
  description                  = "The service's tasks"
  referenced_security_group_id = aws_security_group.tasks.id
  ip_protocol                  = "tcp"
  from_port                    = var.port
  to_port                      = var.port
}

resource "aws_security_group" "tasks" {
  name        = "${var.name}-tasks"
  description = "The service's tasks: reached by their load balancer only."
  vpc_id      = var.vpc_id
}

resource "aws_vpc_security_group_ingress_rule" "balancer" {
  security_group_id            = aws_security_group.tasks.id
  description                  = "The load balancer"
  referenced_security_group_id = aws_security_group.balancer.id
  ip_protocol                  = "tcp"
  from_port                    = var.port
  to_port                      = var.port
}

resource "aws_vpc_security_group_egress_rule" "out" {
  security_group_id = aws_security_group.tasks.id
  description       = "Whatever the service calls"
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "-1"
}
