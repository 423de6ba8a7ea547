"""What a rollout has shown of its release, read back from the ledger: so whoever closes it can say so."""

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Connection

from surefoot.rollout import Limits
from surefoot.terms import Terms
from surefoot.vitals import Histogram, Look, Vitals
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
    so_far = {name: {"canary": canary, "stable": stable} for name, canary, stable in look.get("levels", ())}
    for name, bound in look.get("bounds", ()):
        so_far.setdefault(name, {})["boundary"] = bound
    return {"at": look["what"], "outcome": look["outcome"], "reason": look["reason"], "so_far": so_far, **sides}


def terms_of(entries: Iterable[ledger.Entry]) -> Terms | None:
    """Return the terms a rollout was judged on, None where it was never looked at."""
    fields = next((entry.fields["terms"] for entry in entries if entry.kind == "terms"), None)
    if fields is None:
        return None
    listed = {name: tuple(fields[name]) for name in ("rare", "classes")}
    return Terms(**{**fields, **listed, "limits": Limits(**fields["limits"])})


def looks_of(entries: Iterable[ledger.Entry]) -> list[tuple[Look, ...]]:
    """Return all that was seen in a rollout, in order: what the judge had, each look as `see` takes it."""
    seen = [(entry.fields["seen"], *entry.fields.get("also", ())) for entry in entries if entry.kind == "look"]
    return [tuple(map(look_of, each)) for each in seen]


def look_of(document: Mapping[str, Any]) -> Look:
    """Return a look that was kept."""
    return Look(_vitals(document["stable"]), _vitals(document["canary"]), document.get("share", 0.0))


def _vitals(document: Mapping[str, Any]) -> Vitals:
    latency = Histogram(tuple((value, number) for value, number in document["latency_ms"]["counts"]))
    counts = {
        name: tuple((what, number) for what, number in document.get(name, ())) for name in ("examples", "classes")
    }
    return Vitals(**{**document, **counts, "latency_ms": latency})


def _numbers(vitals: Vitals) -> dict[str, float]:
    p50, p95 = (vitals.latency_ms.quantile(q) if vitals.latency_ms.counts else 0.0 for q in (0.5, 0.95))
    numbers = {"requests": vitals.requests, "errors": vitals.errors, "errors_percent": 100 * vitals.error_rate}
    return {**numbers, "p50_ms": p50, "p95_ms": p95}
