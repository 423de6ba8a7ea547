"""How much traffic a place has lately had, and how well it was answered: from what its rollouts saw."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from sqlalchemy import Connection

from surefoot.service import Environment
from surefoot.sight import Recent
from surefoot.vitals import Look, Vitals
from tasks import vitals
from tasks.evidence import looks_of
from tasks.store import ledger, rollouts

_OURS = "probes"
_MINUTE_S = 60.0
# Rollouts that ended before users were there have nothing to tell of them; of a long one the newest looks do.
_ROLLOUTS, _LOOKS = 5, 120


@dataclass(frozen=True, slots=True)
class Known:
    """Recent traffic and where it is known from, in words: `source` is "" where nobody knows how many users come."""

    recent: Recent = field(default_factory=Recent)
    source: str = "as the plan says"


def typed(environment: Environment, per_s: float | None, error_rate: float | None, known: Known) -> Known:
    """Return what is known with what a person says instead: what would be seen, if it were so."""
    if per_s is None and error_rate is None:
        return known
    recent = known.recent
    if per_s is not None:
        recent = replace(recent, per_s=per_s)
    if error_rate is not None:
        recent = replace(recent, error_rate=error_rate)
    nobody = per_s is None and not known.source and _by_users(environment)
    return Known(recent, "" if nobody else "as typed" if per_s is not None else f"{known.source}, failures as typed")


def known_from(connection: Connection | None, environment: Environment) -> Known:
    """Return what the last rollout that was looked at has seen of stable; its source's own lag comes with it."""
    late = _late(environment)
    if connection is not None:
        for attempt in rollouts.history(connection, environment.key, limit=_ROLLOUTS):
            looks = [look for seen in looks_of(ledger.of_rollout(connection, attempt.id))[-_LOOKS:] for look in seen]
            seen = _users(looks) if _by_users(environment) else _ours(looks)
            if seen is not None:
                when = f"as in the rollout of {attempt.release.version}, {attempt.began_at:%Y-%m-%d}"
                return Known(replace(seen, lag_s=late.lag_s, shortest_s=late.shortest_s), when)
    return Known(late, "" if _by_users(environment) else "as the plan says")


def _by_users(environment: Environment) -> bool:
    return environment.vitals.source != _OURS


def _late(environment: Environment) -> Recent:
    """Return how late the source is, by its settings: connecting takes an SDK, and a right that may be missing."""
    if not _by_users(environment):
        return Recent()
    kind = environment.vitals.source
    settings = vitals.settings_model(kind).model_validate(dict(environment.vitals.settings))
    lag_s, shortest_s = getattr(settings, "lag_s", 0.0), getattr(settings, "interval_s", _MINUTE_S)
    return Recent(lag_s=lag_s, shortest_s=shortest_s)


def _users(looks: Iterable[Look]) -> Recent | None:
    """Return what users did while both sides had some of them: those of both are all there are."""
    seen = [look for look in looks if 0 < look.share < 1 and not look.stable.blind and not look.canary.blind]
    stable = sum((look.stable for look in seen), Vitals())
    requests = sum(look.stable.requests + look.canary.requests for look in seen)
    if not stable.requests or not stable.seconds:
        return None
    return Recent(requests / stable.seconds, stable.error_rate, stable.latency_ms)


def _ours(looks: Iterable[Look]) -> Recent | None:
    """Return how stable answered our own requests."""
    stable = sum((look.stable for look in looks if not look.share and not look.stable.blind), Vitals())
    return Recent(error_rate=stable.error_rate, latency_ms=stable.latency_ms) if stable.requests else None
