"""What was seen of ECS, in our words."""

from surefoot.release import Address, Revision
from surefoot.target import Live
from tasks.targets.ecs import Settings
from tasks.targets.ecs.deployment import Part
from tasks.targets.ecs.state import State


def read_live(state: State, settings: Settings) -> Live:
    """Return what is observed, the newest revision first.

    Refused where the load balancer sends users where nothing of the service is.
    """
    traffic = state.traffic
    url = settings.url or (state.balance.url if state.balance else "")
    newest = state.newest
    known = {part.name: part for part in (*((newest.target,) if newest else ()), *state.past, *state.serving)}
    serving, past = {part.name for part in state.serving}, {part.name for part in state.past}
    revisions = {}
    for part in sorted(known.values(), key=lambda part: part.made_at, reverse=True):
        if part.name in serving:
            revisions[part.name] = _serving(state, part, settings, url)
        elif part.name in past:
            revisions[part.name] = _past(part)
        else:
            revisions[part.name] = Revision(part.name, part.image, ready=False, reason=newest.reason if newest else "")
    return Live(
        url=url,
        traffic=traffic,
        revisions=revisions,
        version=state.version,
        settled=state.settled,
        mark=state.mark,
        at=newest.at if newest else None,
        undone=state.undone,
        previews=state.balance is not None,
    )


def _past(part: Part) -> Revision:
    """A revision that has served well: its tasks are gone, its definition is there; going back starts it again."""
    return Revision(part.name, part.image, ready=not part.gone, reason=part.gone)


def _serving(state: State, part: Part, settings: Settings, url: str) -> Revision:
    at_work = state.underway
    coming = at_work is not None and at_work.target == part
    up = not coming or bool(at_work and at_work.hook) or bool(state.traffic.percent(part.name))
    reason = "" if up else f"not ready yet: {at_work.raw.get('lifecycleStage', 'starting') if at_work else 'starting'}"
    preview = _preview(state, part, settings, url) if up else None
    return Revision(part.name, part.image, up, preview, reason, _labels(state, part))


def _labels(state: State, part: Part) -> dict[str, str]:
    """Return what the load balancer's metrics know a revision by, nothing where there is no load balancer."""
    if state.balance is None or not part.group:
        return {}
    return {"load_balancer": state.balance.name, "target_group": part.group.rpartition(":")[2]}


def _preview(state: State, part: Part, settings: Settings, url: str) -> Address | None:
    """Return what leads to a revision alone: the file's word, a rule of its group's own, the test rule.

    What serves most users is reached by the public address as well, as long as nothing leads to it alone.
    """
    balance, at_work = state.balance, state.underway
    if balance is None:
        return None
    coming = at_work is not None and at_work.target == part
    if coming and (told := settings.previewed(url)):
        return told
    if part.group in balance.pinned:
        return balance.pinned[part.group]
    if coming:
        return balance.test if balance.test_group == part.group else None
    return Address(url) if state.traffic.percent(part.name) else None
