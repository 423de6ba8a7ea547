# Everything but the service itself, which stands in service.tf: the one resource that needs a recent provider.

module "network" {
  source = "./modules/network"

  name  = var.name
  cidr  = var.cidr
  zones = var.zones
}

module "registry" {
  source = "./modules/registry"

  name = "${var.name}/${var.service.name}"
}

module "balancer" {
  source   = "./modules/balancer"
  for_each = var.environments

  name                = "${var.name}-${each.key}"
  vpc_id              = module.network.vpc_id
  subnet_ids          = module.network.public_subnet_ids
  host                = each.value.host
  certificate_arn     = each.value.certificate_arn
  port                = var.service.port
  health_path         = var.service.health_path
  preview             = var.preview
  group_header        = var.group_header
  deletion_protection = each.value.deletion_protection
}

resource "aws_ecs_cluster" "this" {
  name = var.name

  setting {
    name  = "containerInsights"
    value = "enabled"
  }
}

module "access" {
  source = "./modules/access"

  name           = var.name
  cluster        = aws_ecs_cluster.this.name
  services       = [for environment in keys(var.environments) : "${var.service.name}-${environment}"]
  repository_arn = module.registry.arn
  permissions    = jsondecode(file("${path.module}/permissions.json"))
  github         = var.github
}

module "prefect" {
  source = "./modules/prefect"

  name              = var.name
  cluster_arn       = aws_ecs_cluster.this.arn
  vpc_id            = module.network.vpc_id
  subnet_ids        = module.network.private_subnet_ids
  releaser_role_arn = module.access.releaser_role_arn
  settings          = var.prefect
}
