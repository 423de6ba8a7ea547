module "service" {
  source   = "./modules/service"
  for_each = var.environments

  name        = "${var.service.name}-${each.key}"
  group       = var.name
  cluster_arn = aws_ecs_cluster.this.arn
  image       = var.first_image
  service     = var.service
  subnet_ids  = module.network.private_subnet_ids
  balancer    = module.balancer[each.key]
  roles       = module.access.service_roles
  rollout     = each.value
}
