# The workers' account. What a run may do is what permissions.json lists, each on the one thing it is for; besides that
# it reads its own secrets (modules/prefect), which Cloud Run does in its name.
resource "google_service_account" "releaser" {
  account_id   = "${var.name}-releaser"
  display_name = "Surefoot's workers"
}

locals {
  granted = concat(
    [for one in var.permissions.calls : { permission = one.permission, on = one.on }],
    [for one in var.permissions.also : { permission = one.permission, on = one.on }],
  )

  by_place = { for place in distinct(local.granted[*].on) : place => [
    for one in local.granted : one.permission if one.on == place
  ] }
}

# A role for each place, so that nothing is granted where it is not needed.
resource "google_project_iam_custom_role" "releaser" {
  for_each = local.by_place

  role_id     = join("", [replace(var.name, "-", "_"), "_releaser_", each.key])
  title       = "Surefoot releaser: ${each.key}"
  description = "From permissions.json."
  permissions = each.value
}

# Operations are not part of a service, and neither are metrics, so reading them cannot be narrowed to one.
resource "google_project_iam_member" "releaser" {
  project = var.project
  role    = google_project_iam_custom_role.releaser["project"].id
  member  = google_service_account.releaser.member
}

resource "google_cloud_run_v2_service_iam_member" "releaser" {
  for_each = var.services

  name     = each.value
  location = var.region
  role     = google_project_iam_custom_role.releaser["service"].id
  member   = google_service_account.releaser.member
}

resource "google_service_account_iam_member" "releaser" {
  service_account_id = var.runtime
  role               = google_project_iam_custom_role.releaser["runtime"].id
  member             = google_service_account.releaser.member
}

resource "google_artifact_registry_repository_iam_member" "releaser" {
  repository = var.repository
  location   = var.region
  role       = google_project_iam_custom_role.releaser["repository"].id
  member     = google_service_account.releaser.member
}
