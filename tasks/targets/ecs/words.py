"""Which word to ECS brings a service nearer to the traffic that is wanted, decided from one look."""

from dataclasses import dataclass

from surefoot.errors import Interfered, Refused, RolledBack
from surefoot.rollout import Mark
from surefoot.traffic import Traffic
from tasks.targets.ecs.definition import short
from tasks.targets.ecs.deployment import Deployment, Part
from tasks.targets.ecs.marks import fence
from tasks.targets.ecs.state import State


@dataclass(frozen=True, slots=True)
class Go:
    """Answer the pause: on to the next."""

    deployment: Deployment


@dataclass(frozen=True, slots=True)
class Back:
    """Put the deployment back: by its pause where one waits, else by stopping it."""

    deployment: Deployment


@dataclass(frozen=True, slots=True)
class Begin:
    """Take all users to a revision that served well before."""

    part: Part


@dataclass(frozen=True, slots=True)
class Wait:
    """Look again: ECS is at work on it."""


@dataclass(frozen=True, slots=True)
class Done:
    """It is so."""


Word = Go | Back | Begin | Wait | Done


def next_word(state: State, wanted: Traffic, *, over: bool) -> Word:
    """Return what to do for `wanted`; with `over` the rollout ends with it, so nothing is left waiting.

    Refused where ECS cannot do it, RolledBack where it has gone back by itself.
    """
    at_work = state.underway
    if at_work is None:
        return _from_rest(state, wanted)
    if wanted == state.before and at_work.target.name != wanted.main:
        return _way_back(state, at_work, wanted, over=over)
    if at_work.stopped:
        raise Interfered(f"somebody wrote to {state.name} in the middle of our work: {at_work.reason}")
    if at_work.going_back:
        return Wait()  # what came of it is told when it is over
    return _climb(state, at_work, wanted, over=over)


def _from_rest(state: State, wanted: Traffic) -> Word:
    newest = state.newest
    if newest is not None and wanted.percent(newest.target.name):
        if newest.put_back and state.traffic.percent(newest.target.name):
            return Wait()  # the service was read a moment before its deployment: the next look has both from after it
        _refuse_half_ended(state, newest, wanted)
    # Where ECS could not put it back, nobody knows what its tasks do: what was before is deployed anew.
    if state.traffic == wanted and not (newest and newest.not_back):
        return Done()
    part = state.part(wanted.main) if len(wanted.shares) == 1 else None
    if part is None:
        raise Refused(f"ECS cannot make it {wanted}: no deployment is at work, and live is {state.traffic}")
    if part.gone:
        raise Refused(f"ECS cannot start {named(part)} again: {part.gone}; live is {state.traffic}")
    return Begin(part)


def _refuse_half_ended(state: State, newest: Deployment, wanted: Traffic) -> None:
    """Users on our revision are not enough: its deployment has to have succeeded, or ECS may still take it away."""
    refuse_undone(state, wanted)
    if newest.not_back:
        raise Refused(f"ECS tried to put {named(newest.target)} back by itself, and could not: {newest.reason}")
    if newest.stopped and state.traffic != wanted:
        raise Interfered(f"somebody wrote to {state.name} in the middle of our work: {newest.reason}")
    if newest.status != "SUCCESSFUL" and state.traffic == wanted:
        raise Refused(f"the deployment of {named(newest.target)} ended as {newest.status}: {newest.reason}")


def _way_back(state: State, at_work: Deployment, wanted: Traffic, *, over: bool) -> Word:
    if at_work.going_back:
        return Wait()
    if not over and state.traffic == wanted and not state.lags:
        return Done() if at_work.hook else Wait()
    return Back(at_work)


def _climb(state: State, at_work: Deployment, wanted: Traffic, *, over: bool) -> Word:
    percent, has = wanted.percent(at_work.target.name), state.traffic.percent(at_work.target.name)
    if state.before is None or percent == 0 or wanted != state.before.toward(at_work.target.name, percent):
        raise Refused(f"ECS cannot make it {wanted} while a deployment of {at_work.target.name} is at work")
    if percent < has:
        raise Refused(f"ECS goes on, or all the way back: it cannot go from {state.traffic} to {wanted}")
    if percent not in at_work.stops:
        stops = ", ".join(map(str, at_work.stops))
        raise Refused(f"ECS stops at {stops} % in this deployment, not at {percent} %")
    if state.lags:  # a word more, and ECS would go one step too far
        return Wait()
    if has == percent and not over:
        return Done() if at_work.hook else Wait()
    return Go(at_work) if at_work.hook else Wait()


def is_about(state: State, wanted: Traffic) -> bool:
    """Return whether the deployment at work can end in the traffic that is wanted; so it is where none is needed."""
    if state.underway is None:
        return state.traffic == wanted
    return wanted in (state.before, Traffic.all_on(state.underway.target.name))


def refuse_undone(state: State, wanted: Traffic) -> None:
    """Raise RolledBack where ECS has put back what is still wanted."""
    if state.undone and state.mark and wanted.percent(state.mark.canary):
        raise RolledBack(state.undone)


def refuse_overtaken(state: State, mark: Mark) -> None:
    """Raise Interfered where an owner with a newer fence has written here."""
    newer = fence(state.tags)
    if mark.fence < newer:
        raise Interfered(
            f"{mark.rollout} was overtaken: its fence is {mark.fence}, and a newer owner has written here with "
            f"{newer}; this one has to stop"
        )


def refuse_answered(state: State, deployment: Deployment, conflict: Refused) -> None:
    """Raise why a pause did not take our word; not where ECS's own time was up, since that is told when it is back."""
    now = next((one for one in state.deployments if one.arn == deployment.arn), None)
    if now is not None and now.hook == deployment.hook:
        raise conflict
    if now is not None and (deployment.hook in now.timed_out or (now.going_back and not now.stopped)):
        return
    raise Interfered(f"somebody else wrote to {state.name}, a pause was answered: {conflict}") from conflict


def refuse_strangers(state: State, wanted: Traffic, ours: frozenset[Traffic]) -> None:
    """Raise Interfered where another has begun a deployment, or set a traffic that no step of ours has."""
    if state.stranger:
        raise Interfered(
            f"somebody wrote to {state.name} in the middle of our work: {state.stranger}; it is left alone"
        )
    if state.underway is not None and state.traffic not in ours and state.traffic != wanted:
        raise Interfered(f"somebody set the traffic of {state.name} to {state.traffic}; it is left alone")


def steps_of(state: State) -> frozenset[Traffic]:
    """Return every traffic that the deployment at work has by itself."""
    at_work, before = state.underway, state.before
    if at_work is None or before is None:
        return frozenset()
    return frozenset({before, *(before.toward(at_work.target.name, stop) for stop in at_work.stops)})


def difference(now: str, then: str) -> str:
    """Return what one version says and the other does not, for a sentence."""
    before = then.split("; ")
    pairs = [(is_now, was) for is_now, was in zip(now.split("; "), before, strict=False) if is_now != was]
    return "; ".join(f"{is_now}, was {was.partition(': ')[2]}" for is_now, was in pairs) or "nothing that has a name"


def named(part: Part) -> str:
    """Return a revision with its task definition, for a sentence."""
    own = short(part.definition)
    return part.name if part.name == own else f"{part.name} ({own})"
