"""What a rollout has shown of its release, read back from the ledger: so whoever closes it can say so."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection

from surefoot.vitals import Histogram, Vitals
from tasks.store import ledger


def evidence_of(connection: Connection, rollout: str) -> dict[str, Any]:
    """Return the smoke checks and verdicts of a rollout, as people are shown them before they approve it elsewhere."""
    entries = ledger.of_rollout(connection, rollout)
    return {
        "smoked": {each.fields["where"]: each.fields["reason"] for each in entries if each.kind == "smoke"},
        "verdicts": [verdict_of(each.fields) for each in entries if each.kind == "look"],
    }


def verdict_of(look: Mapping[str, Any]) -> dict[str, Any]:
    """Return one look's verdict with the numbers of both sides; `look` is as the ledger has it."""
    sides = {side: _numbers(_vitals(look["seen"][side])) for side in ("stable", "canary")}
    return {"at": look["what"], "outcome": look["outcome"], "reason": look["reason"], **sides}


def _vitals(document: Mapping[str, Any]) -> Vitals:
    latency = Histogram(tuple((value, number) for value, number in document["latency_ms"]["counts"]))
    examples = tuple((what, number) for what, number in document["examples"])
    return Vitals(**{**document, "latency_ms": latency, "examples": examples})


def _numbers(vitals: Vitals) -> dict[str, float]:
    p50, p95 = (vitals.latency_ms.quantile(q) if vitals.latency_ms.counts else 0.0 for q in (0.5, 0.95))
    numbers = {"requests": vitals.requests, "errors": vitals.errors, "errors_percent": 100 * vitals.error_rate}
    return {**numbers, "p50_ms": p50, "p95_ms": p95}
