resource "google_project_service" "this" {
  for_each = toset([
    "artifactregistry.googleapis.com",
    "cloudresourcemanager.googleapis.com",
    "compute.googleapis.com",
    "iam.googleapis.com",
    "iamcredentials.googleapis.com",
    "monitoring.googleapis.com",
    "run.googleapis.com",
    "secretmanager.googleapis.com",
    "servicenetworking.googleapis.com",
    "sqladmin.googleapis.com",
    "sts.googleapis.com",
  ])

  service            = each.key
  disable_on_destroy = false
}

module "network" {
  source = "./modules/network"

  name   = var.name
  region = var.region
  cidr   = var.cidr

  depends_on = [google_project_service.this]
}

module "registry" {
  source = "./modules/registry"

  name   = var.name
  region = var.region

  depends_on = [google_project_service.this]
}

# What the released service runs as. It may do nothing, until the service needs something: grant that to this account.
resource "google_service_account" "runtime" {
  account_id   = "${var.name}-runtime"
  display_name = "What the released service itself may do"

  depends_on = [google_project_service.this]
}

module "service" {
  source   = "./modules/service"
  for_each = var.environments

  name        = "${var.service.name}-${each.key}"
  region      = var.region
  image       = var.first_image
  service     = var.service
  environment = each.value
  account     = google_service_account.runtime.email
}

module "access" {
  source = "./modules/access"

  project     = var.project
  region      = var.region
  name        = var.name
  services    = { for environment, one in module.service : environment => one.name }
  runtime     = google_service_account.runtime.name
  repository  = module.registry.name
  permissions = jsondecode(file("${path.module}/permissions.json"))
  github      = var.github
}

module "prefect" {
  source = "./modules/prefect"

  project  = var.project
  region   = var.region
  name     = var.name
  network  = module.network
  releaser = module.access.releaser
  settings = var.prefect
}
