# GitHub's workflow is known by its own token: there is no key that could be lost.
resource "google_iam_workload_identity_pool" "github" {
  workload_identity_pool_id = "${var.name}-github"
  display_name              = "GitHub"
}

resource "google_iam_workload_identity_pool_provider" "github" {
  workload_identity_pool_id          = google_iam_workload_identity_pool.github.workload_identity_pool_id
  workload_identity_pool_provider_id = "github"
  display_name                       = "GitHub Actions"

  attribute_mapping = {
    "google.subject"       = "assertion.sub"
    "attribute.repository" = "assertion.repository"
    "attribute.ref"        = "assertion.ref"
  }

  # Without it every repository on GitHub could come. One repository, one branch: a fork or a pull request gets nothing.
  attribute_condition = join(" && ", [
    "assertion.repository == '${var.github.repository}'",
    "assertion.ref == 'refs/heads/${var.github.branch}'",
  ])

  oidc {
    issuer_uri = "https://token.actions.githubusercontent.com"
  }
}

resource "google_service_account" "pusher" {
  account_id   = "${var.name}-pusher"
  display_name = "GitHub's workflow: pushes images, and nothing else"
}

resource "google_service_account_iam_member" "pusher" {
  service_account_id = google_service_account.pusher.name
  role               = "roles/iam.workloadIdentityUser"
  member = join("/", [
    "principalSet://iam.googleapis.com",
    google_iam_workload_identity_pool.github.name,
    "attribute.repository",
    var.github.repository,
  ])
}

resource "google_artifact_registry_repository_iam_member" "pusher" {
  repository = var.repository
  location   = var.region
  role       = "roles/artifactregistry.writer"
  member     = google_service_account.pusher.member
}
