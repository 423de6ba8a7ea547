"""Make Surefoot's database beside Prefect's, where it is not there yet; two workers may start at the same moment."""

# ruff: noqa: INP001  its text is what the container runs
import contextlib
import os
import sys

import psycopg
from psycopg import sql

NAME = os.environ["SUREFOOT_DATABASE"]

# PGHOST, PGUSER, PGPASSWORD and the rest are libpq's own.
with psycopg.connect(autocommit=True) as server:
    if server.execute("SELECT 1 FROM pg_database WHERE datname = %s", [NAME]).fetchone():
        sys.exit(0)
    # The other worker was quicker.
    with contextlib.suppress(psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation):
        server.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(NAME)))
