"""The first tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_APPEND_ONLY_SQLITE = """
CREATE TRIGGER ledger_{verb}_refused BEFORE {verb} ON ledger
BEGIN SELECT RAISE(ABORT, 'the ledger is only ever added to'); END
"""
_APPEND_ONLY_POSTGRES = (
    """
CREATE FUNCTION ledger_refuses() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN
  RAISE EXCEPTION 'the ledger is only ever added to' USING ERRCODE = 'integrity_constraint_violation';
END $$
""",
    """
CREATE TRIGGER ledger_change_refused BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger
FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuses()
""",
)
# What `surefoot status` reads, one row a place: its latest rollout, what runs when that is put back, who is waited for.
_CURRENT = """
CREATE VIEW current AS
SELECT place.key,
  rollout.id AS rollout, rollout.release_id, rollout.version, rollout.commit_sha, rollout.phase, rollout.percent,
  rollout.reason, rollout.began_at, rollout.changed_at, rollout.ended_at, rollout.run_url,
  stable.release_id AS stable_release, stable.version AS stable_version,
  waiting.release_id AS waiting_release, waiting.run_url AS waiting_url, waiting.until AS waiting_until,
  lease.holder AS lease_holder, lease.until AS lease_until
FROM (SELECT key FROM rollouts UNION SELECT key FROM approvals UNION SELECT key FROM releases) AS place
LEFT JOIN rollouts AS rollout ON rollout.seq = (SELECT max(seq) FROM rollouts WHERE key = place.key)
LEFT JOIN rollouts AS stable
  ON stable.seq = (SELECT max(seq) FROM rollouts WHERE key = place.key AND phase = 'promoted')
LEFT JOIN approvals AS waiting
  ON waiting.seq = (SELECT max(seq) FROM approvals WHERE key = place.key AND state = 'asked')
LEFT JOIN leases AS lease ON lease.key = place.key AND lease.holder IS NOT NULL
"""


def upgrade() -> None:
    """Make every table, the ledger's guards and the view."""
    _records()
    _attempts()
    _messages()
    if op.get_bind().dialect.name == "postgresql":
        for statement in _APPEND_ONLY_POSTGRES:
            op.execute(statement)
    else:
        for verb in ("UPDATE", "DELETE"):
            op.execute(_APPEND_ONLY_SQLITE.format(verb=verb))
    op.execute(_CURRENT)


def _records() -> None:
    op.create_table(
        "ledger",
        sa.Column("seq", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("at", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("key", sa.Text, nullable=False, index=True),
        sa.Column("rollout", sa.Text, nullable=False, index=True),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("entry", sa.LargeBinary, nullable=False),
        sa.Column("hash", sa.Text, nullable=False),
    )
    op.create_table(
        "leases",
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("fence", sa.Integer, nullable=False),
        sa.Column("holder", sa.Text),
        sa.Column("since", sa.Text, nullable=False),
        sa.Column("until", sa.Text, nullable=False),
        sa.Column("link", sa.Text, nullable=False),
    )
    op.create_table(
        "releases",
        sa.Column("seq", sa.Integer, primary_key=True),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("release_id", sa.Text, nullable=False),
        sa.Column("run_id", sa.Text, nullable=False),
        sa.Column("release", sa.Text, nullable=False),
        sa.Column("asked_at", sa.Text, nullable=False),
        sa.Column("verified_at", sa.Text),
        sa.Column("evidence", sa.Text),
        sa.UniqueConstraint("key", "release_id", "run_id"),
        sqlite_autoincrement=True,
    )


def _attempts() -> None:
    op.create_table(
        "rollouts",
        sa.Column("seq", sa.Integer, primary_key=True),
        sa.Column("id", sa.Text, nullable=False, unique=True),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("release_id", sa.Text, nullable=False),
        sa.Column("version", sa.Text, nullable=False),
        sa.Column("commit_sha", sa.Text, nullable=False),
        sa.Column("release", sa.Text, nullable=False),
        sa.Column("run_id", sa.Text, nullable=False),
        sa.Column("run_url", sa.Text, nullable=False),
        sa.Column("before", sa.Text, nullable=False),
        sa.Column("canary", sa.Text, nullable=False),
        sa.Column("fence", sa.Integer, nullable=False),
        sa.Column("phase", sa.Text, nullable=False),
        sa.Column("percent", sa.Integer, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("began_at", sa.Text, nullable=False),
        sa.Column("changed_at", sa.Text, nullable=False),
        sa.Column("ended_at", sa.Text),
        sqlite_autoincrement=True,
    )
    still_open = sa.text("ended_at IS NULL")
    op.create_index(
        "one_open_rollout", "rollouts", ["key"], unique=True, sqlite_where=still_open, postgresql_where=still_open
    )
    op.create_table(
        "approvals",
        sa.Column("seq", sa.Integer, primary_key=True),
        sa.Column("id", sa.Text, nullable=False, unique=True),
        sa.Column("key", sa.Text, nullable=False, index=True),
        sa.Column("release_id", sa.Text, nullable=False),
        sa.Column("run_id", sa.Text, nullable=False),
        sa.Column("run_url", sa.Text, nullable=False),
        sa.Column("plan_hash", sa.Text, nullable=False),
        sa.Column("shown", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("asked_at", sa.Text, nullable=False),
        sa.Column("until", sa.Text, nullable=False),
        sa.Column("by", sa.Text, nullable=False),
        sa.Column("comment", sa.Text, nullable=False),
        sa.Column("changed_at", sa.Text, nullable=False),
        sa.UniqueConstraint("run_id", "plan_hash"),
        sqlite_autoincrement=True,
    )


def _messages() -> None:
    op.create_table(
        "outbox",
        sa.Column("seq", sa.Integer, primary_key=True),
        sa.Column("channel", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("part", sa.Text, nullable=False),
        sa.Column("notice", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("enqueued_at", sa.Text, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("not_before", sa.Text, nullable=False),
        sa.Column("problem", sa.Text, nullable=False),
        sa.Column("sent_at", sa.Text),
        sa.Column("sent_channel", sa.Text),
        sa.Column("sent_ts", sa.Text),
        sqlite_autoincrement=True,
    )
    op.create_index("outbox_by_subject", "outbox", ["channel", "subject"])
    waiting = sa.text("state = 'waiting'")
    op.create_index("outbox_waiting", "outbox", ["seq"], sqlite_where=waiting, postgresql_where=waiting)
