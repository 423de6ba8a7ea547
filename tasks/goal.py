"""Where an operator's way back leads: decided from what is live and, where there is a store, from what was."""

from collections.abc import Sequence

from surefoot.errors import NotNow
from surefoot.rollout import Phase
from surefoot.target import Live
from surefoot.traffic import Traffic
from tasks.rollout import left_behind
from tasks.store.rollouts import Attempt


def goal(key: str, live: Live, past: Sequence[Attempt], to: str) -> Traffic:
    """Return the revision asked for, else the mark's way back, else what was good before, else the revision before.

    `past` has a place's rollouts, the newest first. Asked for again after a way back, the goal is where users are:
    nobody goes back twice by pressing a key twice. NotNow when there is no way back that is certain.
    """
    if to:
        return _named(key, live, to)
    if live.mark is not None:
        return live.mark.stable
    if past and past[0].phase is not Phase.PROMOTED:
        before, settled = past[0].before, past[0].phase in (Phase.PUT_BACK, Phase.REFUSED)
        if before == live.traffic or (not settled and _ready(live, before)):
            return before
    return _before_the_last(live, past) or _older(key, live)


def _named(key: str, live: Live, to: str) -> Traffic:
    ready = [name for name, revision in live.revisions.items() if revision.ready]
    named = [name for name in ready if name == to] or [name for name in ready if to in name]
    if len(named) > 1:
        raise NotNow(f"{key}: {to!r} is part of {len(named)} revisions that are ready: {', '.join(named)}; name one")
    if not named:
        raise NotNow(f"{key}: no revision that is ready has {to!r} in its name; there are {', '.join(ready)}")
    return Traffic.all_on(named[0])


def _before_the_last(live: Live, past: Sequence[Attempt]) -> Traffic | None:
    for attempt in past:
        if attempt.phase is Phase.PROMOTED and left_behind(attempt) == live.traffic:
            return attempt.before if _ready(live, attempt.before) else None
    return None


def _ready(live: Live, traffic: Traffic) -> bool:
    return all(name in live.revisions and live.revisions[name].ready for name, _ in traffic.shares)


def _older(key: str, live: Live) -> Traffic:
    """Return the ready revision before the newest, where users are on the newest; the newest are listed first."""
    ready, main = [name for name, revision in live.revisions.items() if revision.ready], live.traffic.main
    if main in ready[1:]:
        raise NotNow(
            f"{key}: users are on {main}, which is not the newest, so somebody may have gone back already; "
            f"to go further, name one with --to: {', '.join(ready)}"
        )
    after = [name for name in ready if name != main]
    if not after:
        raise NotNow(f"{key}: there is no older revision that is ready; name one with --to")
    return Traffic.all_on(after[0])
