"""What outlives a process: releases, rollouts, approvals, leases, the ledger and the outbox, in SQLite or PostgreSQL.

`database.Store` is the one door; every other module holds plain functions that take its connection. This file imports
nothing, so that `tasks.store.current` starts in no time.
"""
