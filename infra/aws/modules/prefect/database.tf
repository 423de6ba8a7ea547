# One PostgreSQL, two databases in it: Prefect's, and Surefoot's store.
resource "aws_db_subnet_group" "this" {
  name       = "${var.name}-prefect"
  subnet_ids = var.subnet_ids
}

resource "aws_db_instance" "this" {
  identifier     = "${var.name}-prefect"
  engine         = "postgres"
  engine_version = "16"
  instance_class = var.settings.database_class

  allocated_storage     = 20
  max_allocated_storage = 100
  storage_type          = "gp3"
  storage_encrypted     = true

  db_name             = "prefect"
  username            = "surefoot"
  password_wo         = ephemeral.aws_secretsmanager_random_password.database.random_password
  password_wo_version = var.settings.password_version

  db_subnet_group_name   = aws_db_subnet_group.this.name
  vpc_security_group_ids = [aws_security_group.database.id]
  publicly_accessible    = false
  multi_az               = var.settings.database_multi_az

  backup_retention_period   = 14
  copy_tags_to_snapshot     = true
  deletion_protection       = var.settings.deletion_protection
  skip_final_snapshot       = !var.settings.deletion_protection
  final_snapshot_identifier = var.settings.deletion_protection ? "${var.name}-prefect-last" : null
}
