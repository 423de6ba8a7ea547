resource "aws_security_group" "balancer" {
  name        = "${var.name}-prefect-balancer"
  description = "Prefect's pages and API: workers, and the operators' networks."
  vpc_id      = var.vpc_id
}

resource "aws_security_group" "server" {
  name        = "${var.name}-prefect-server"
  description = "Prefect's server: reached by its load balancer only."
  vpc_id      = var.vpc_id
}

resource "aws_security_group" "worker" {
  name        = "${var.name}-prefect-worker"
  description = "The workers: nothing reaches them."
  vpc_id      = var.vpc_id
}

resource "aws_security_group" "database" {
  name        = "${var.name}-prefect-database"
  description = "PostgreSQL: server and workers."
  vpc_id      = var.vpc_id
}

locals {
  # From whom to whom, by which port.
  ways = {
    worker_balancer = { from = aws_security_group.worker, to = aws_security_group.balancer, port = 443 }
    balancer_server = { from = aws_security_group.balancer, to = aws_security_group.server, port = 4200 }
    server_database = { from = aws_security_group.server, to = aws_security_group.database, port = 5432 }
    worker_database = { from = aws_security_group.worker, to = aws_security_group.database, port = 5432 }
  }
}

resource "aws_vpc_security_group_ingress_rule" "way" {
  for_each = local.ways

  security_group_id            = each.value.to.id
  referenced_security_group_id = each.value.from.id
  description                  = replace(each.key, "_", " to ")
  ip_protocol                  = "tcp"
  from_port                    = each.value.port
  to_port                      = each.value.port
}

resource "aws_vpc_security_group_ingress_rule" "operators" {
  for_each = toset(var.settings.operator_cidrs)

  security_group_id = aws_security_group.balancer.id
  cidr_ipv4         = each.value
  description       = "Operators"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
}

resource "aws_vpc_security_group_egress_rule" "way" {
  for_each = local.ways

  security_group_id            = each.value.from.id
  referenced_security_group_id = each.value.to.id
  description                  = replace(each.key, "_", " to ")
  ip_protocol                  = "tcp"
  from_port                    = each.value.port
  to_port                      = each.value.port
}

# AWS's APIs, Slack, and the services that are probed. The server pulls its image and reads its secrets the same way.
resource "aws_vpc_security_group_egress_rule" "out" {
  for_each = { worker = aws_security_group.worker.id, server = aws_security_group.server.id }

  security_group_id = each.value
  cidr_ipv4         = "0.0.0.0/0"
  description       = "APIs by HTTPS"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
}
