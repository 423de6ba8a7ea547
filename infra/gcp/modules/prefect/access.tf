resource "google_service_account" "server" {
  account_id   = "${var.name}-prefect"
  display_name = "Prefect's server"
}

locals {
  server = google_service_account.server.email

  readers = {
    prefect-database  = [local.server]
    surefoot-database = [var.releaser]
    credential        = [local.server, var.releaser]
  }

  reads = merge([for secret, accounts in local.readers : {
    for number, account in accounts : "${secret}-${number}" => { secret = secret, account = account }
  }]...)
}

resource "google_secret_manager_secret_iam_member" "reader" {
  for_each = local.reads

  secret_id = google_secret_manager_secret.this[each.value.secret].id
  role      = "roles/secretmanager.secretAccessor"
  member    = "serviceAccount:${each.value.account}"
}

# The Slack token was put into a secret by hand (README.md); here it is only named.
resource "google_secret_manager_secret_iam_member" "slack" {
  count = var.settings.slack_secret == null ? 0 : 1

  secret_id = var.settings.slack_secret
  role      = "roles/secretmanager.secretAccessor"
  member    = "serviceAccount:${var.releaser}"
}
