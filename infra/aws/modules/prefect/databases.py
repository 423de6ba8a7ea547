"""Make Surefoot's database beside Prefect's, where it is not there yet; two workers may start at the same moment."""

import os
import sys

import psycopg
from psycopg import sql

NAME = os.environ["SUREFOOT_DATABASE"]

# PGHOST, PGUSER, PGPASSWORD and the rest are libpq's own.
with psycopg.connect(autocommit=True) as server:
    if server.execute("SELECT 1 FROM pg_database WHERE datname = %s", [NAME]).fetchone():
        sys.exit(0)
    try:
        server.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(NAME)))
    except (psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation):
        pass
