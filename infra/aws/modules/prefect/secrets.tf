# Made during an apply, handed on, forgotten: neither is in the state or in a plan. password_version + 1 writes new ones
# to both places; then start server and workers again. RDS's own managed password is not used: RDS changes it weekly,
# and what runs would keep the old one.
ephemeral "aws_secretsmanager_random_password" "database" {
  password_length     = 40
  exclude_punctuation = true
}

ephemeral "aws_secretsmanager_random_password" "prefect" {
  password_length     = 40
  exclude_punctuation = true
}

resource "aws_secretsmanager_secret" "database" {
  name        = "${var.name}/prefect/database"
  description = "The password of the PostgreSQL user surefoot."
}

resource "aws_secretsmanager_secret_version" "database" {
  secret_id                = aws_secretsmanager_secret.database.id
  secret_string_wo         = ephemeral.aws_secretsmanager_random_password.database.random_password
  secret_string_wo_version = var.settings.password_version
}

resource "aws_secretsmanager_secret" "credential" {
  name        = "${var.name}/prefect/credential"
  description = "PREFECT_API_AUTH_STRING. Whoever has it can approve, and run commands on the workers."
}

resource "aws_secretsmanager_secret_version" "credential" {
  secret_id                = aws_secretsmanager_secret.credential.id
  secret_string_wo         = "surefoot:${ephemeral.aws_secretsmanager_random_password.prefect.random_password}"
  secret_string_wo_version = var.settings.password_version
}
