"""ECS as a target: look, say one word to its deployment, look until it is true."""

import asyncio
from collections.abc import Callable

from surefoot.errors import Interfered, NotThere, Refused, RolledBack, StageFailed, TargetError, Unavailable
from surefoot.release import Release
from surefoot.rollout import Mark
from surefoot.target import Live
from surefoot.traffic import Traffic
from tasks.targets.ecs import Settings
from tasks.targets.ecs.calls import Calls
from tasks.targets.ecs.climb import Climb, others_pauses
from tasks.targets.ecs.failing import failed_starts
from tasks.targets.ecs.reader import Reader
from tasks.targets.ecs.reading import read_live
from tasks.targets.ecs.registering import registered
from tasks.targets.ecs.state import State
from tasks.targets.ecs.words import difference, is_about, refuse_overtaken, refuse_strangers, refuse_undone
from tasks.targets.ecs.writing import Writer, wrote

# Weights that changed while the deployment did not are looked at again so often: a read may lag behind.
_AGAIN = 3


class Ecs:
    """One ECS service.

    ECS guards its writes with nothing like an etag. So each is preceded by a look, a pause is answered by its own id
    (which AWS takes once), and everything is read back.
    """

    def __init__(self, settings: Settings, climb: Climb, calls: Calls) -> None:
        self._settings = settings
        self._climb = climb
        self._calls = calls
        self._reader = Reader(settings, calls)
        self._writer = Writer(settings, calls, self._reader)
        self._last: State | None = None

    @classmethod
    def connect(cls, settings: Settings, climb: Climb, on_call: Callable[[str], None] | None = None) -> "Ecs":
        """Return the target with clients of its own."""
        return cls(settings, climb, Calls(settings, on_call))

    async def live(self) -> Live:
        """Return what is observed now."""
        return self._live(await self._look())

    async def stage(self, release: Release, mark: Mark, seen: Live) -> Live:
        """Return once ECS's deployment of the release waits with its preview up, before any user is there.

        Idempotent: one deployment for a rollout of a release, however often this is asked.
        """
        name = release.revision_name(self._settings.service)
        state = await self._look()
        refuse_overtaken(state, mark)
        if not _is_underway(state, name):
            state = await self._begun(state, release, name, mark, seen)
        else:
            state = await self._writer.mark(state, mark)
        # A rolling update's tasks get users as they start, so nothing has started yet.
        return self._live(state if self._settings.rolling else await self._staged(name, state))

    async def shift(self, traffic: Traffic, mark: Mark | None, seen: Live) -> Live:
        """Return once the traffic is observed to be so. Also the way back. No mark: the rollout is over."""
        state = await self._look()
        _refuse_changed(state, seen, traffic)
        if mark is not None:
            refuse_overtaken(state, mark)
            state = await self._writer.mark(state, mark)
            return self._live(await self._writer.shift(state, traffic, mark))
        refuse_undone(state, traffic)
        if not is_about(state, traffic):  # an operator's word: what is at work ends first
            if state.before is not None:
                state = await self._writer.shift(state, state.before)
            if state.mark is None or state.mark.stable != traffic:  # else whoever takes over has to know the way back
                state = await self._writer.unmark(state)
        return self._live(await self._writer.unmark(await self._writer.shift(state, traffic)))

    async def close(self) -> None:
        """Let go of the connections."""
        await self._calls.close()

    def _live(self, state: State) -> Live:
        self._last = state
        return read_live(state, self._settings)

    async def _look(self) -> State:
        """Return the service; weights that are other than before, though nothing was deployed, are looked at again."""
        state = await self._reader.look()
        if (status := state.service.get("status", "ACTIVE")) != "ACTIVE":
            raise NotThere(f"{state.name} is {status}: somebody has deleted it. Look: aws ecs describe-services")
        for _ in range(_AGAIN):
            if self._last is None or not _only_weights_changed(self._last, state):
                break
            await asyncio.sleep(self._settings.poll_every_s)
            state = await self._reader.look()
        return state

    async def _refuse_without_ways(self, state: State) -> None:
        """Refuse to begin where what users are sent to is not well, or where nothing would lead to the new revision."""
        balance = state.balance
        if balance is None:
            return
        users = {group for group, weight in balance.weights.items() if weight}
        others = state.groups - users
        if not (balance.test or self._settings.preview or balance.pinned.keys() & others):
            raise Refused(
                f"nothing would lead to a new revision of {state.name} before its users do; give the service a test "
                "listener rule, or its target a preview: an address, or a header"
            )
        for group in sorted(users):
            if not any(_is_healthy(target) for target in await self._calls.health(group)):
                raise Refused(
                    f"no task of {state.name} is healthy in {group.rpartition(':')[2]}, where its users are sent: that "
                    "is no way back. Look: aws elbv2 describe-target-health"
                )

    async def _begun(self, state: State, release: Release, name: str, mark: Mark, seen: Live) -> State:
        """Register the release, mark the service, and let ECS begin; whoever else begins the same is joined."""
        _refuse_to_begin(state, name, mark, seen)
        await self._refuse_without_ways(state)
        # Not the service's own word: after a deployment that somebody stopped that is what was stopped.
        main = state.part(state.traffic.main)
        before, live = state.stamp, main.definition if main else str(state.service["taskDefinition"])
        patience = self._writer.patience()
        definition = await registered(self._settings, self._calls, self._reader, live, release, name, patience)
        state = await self._writer.mark(state, mark)
        if _is_underway(state, name) or self._settings.rolling:
            return await self._reader.look()
        if state.stamp != before:
            raise Interfered(wrote(state, before))
        configuration = self._climb.configured(state.service.get("deploymentConfiguration") or {})
        return await self._writer.update(state, definition, configuration)

    async def _staged(self, name: str, state: State) -> State:
        """Wait until the deployment waits for a word; where its tasks do not come up, it is put back by us."""
        patience = self._writer.patience()
        for wait_s in patience.waits():
            at_work = state.underway
            if at_work is None or at_work.target.name != name or at_work.stopped:
                raise _lost(state, name)
            if at_work.going_back:
                raise await self._given_up(state, name, at_work.reason)
            if not at_work.pauses:
                raise await self._given_up(state, name, "its deployment has no pauses of ours, so nothing would wait")
            if at_work.hook and read_live(state, self._settings).revisions[name].preview is not None:
                return state
            if not at_work.hook and (why := failed_starts(at_work, await self._calls.stopped_tasks())):
                raise await self._given_up(state, name, why)
            await asyncio.sleep(wait_s)
            state = await self._reader.look(patience.call_s)
        if state.underway is not None and state.underway.hook:
            raise Unavailable(f"{name} waits for a word, but the test rule does not lead to it yet; look again")
        raise await self._given_up(state, name, f"it was not ready within {self._settings.change_within}")

    async def _given_up(self, state: State, name: str, why: str) -> StageFailed:
        """Put a deployment back that will not come up, and return why."""
        try:
            if state.before is not None:
                state = await self._writer.shift(state, state.before)
        except TargetError as problem:
            why = f"{why}, and it could not be put back: {problem}"
        return _never_ready(state, name, why)


def _is_underway(state: State, name: str) -> bool:
    return state.underway is not None and state.underway.target.name == name


def _refuse_to_begin(state: State, name: str, mark: Mark, seen: Live) -> None:
    _refuse_unfit(state)
    newest = state.newest
    if state.mark and state.mark.rollout == mark.rollout and newest and newest.target.name == name:
        raise StageFailed(f"{name} failed before, in this very rollout: {newest.reason}. Release it anew")
    if state.version != seen.version and seen.settled:
        raise Interfered(_changed(state, seen))
    if state.underway is not None:
        raise Unavailable(f"a change of {state.name} is still on its way; look again when it is over")


def _refuse_unfit(state: State) -> None:
    """Refuse a service whose deployments are not ECS's own, or in which a release would be called good unseen."""
    controller = (state.service.get("deploymentController") or {}).get("type", "ECS")
    if controller != "ECS":
        raise Refused(f"{state.name} is deployed by {controller}; Surefoot needs the deployment controller ECS")
    if stages := others_pauses(state.service.get("deploymentConfiguration") or {}):
        raise Refused(
            f"{state.name} pauses at {', '.join(stages)} too, which somebody else is to answer; a release would take "
            "that pause away. Make it a Lambda hook, or take it out of the service"
        )
    if not state.service.get("desiredCount", 1):
        raise Refused(f"{state.name} is to run no task (desiredCount 0), so a release of it could not be seen to work")


def _refuse_changed(state: State, seen: Live, wanted: Traffic) -> None:
    """Refuse where somebody wrote since it was seen; what is wanted and stands already is nobody's harm.

    What ECS takes back by itself is no stranger's word: what came of it is told when it is over.
    """
    if state.stranger:
        refuse_strangers(state, wanted, frozenset())
    if state.fallen and not state.undone:
        return
    if state.version != seen.version and seen.settled and state.traffic != wanted:
        raise RolledBack(state.undone) if state.undone else Interfered(_changed(state, seen))


def _only_weights_changed(before: State, now: State) -> bool:
    return before.calm_stamp == now.calm_stamp and before.stamp != now.stamp


def _lost(state: State, name: str) -> Interfered | StageFailed:
    """Return why the deployment that was waited for is not at work any more."""
    newest = state.newest
    if newest is not None and newest.target.name == name and newest.going_back and not newest.stopped:
        return _never_ready(state, name, newest.reason)
    return Interfered(f"somebody wrote to {state.name} in the middle of our work: {state.stamp}; {name} is not staged")


def _never_ready(state: State, name: str, why: str) -> StageFailed:
    return StageFailed(f"{name} never became ready: {why}. No user was sent to it: {state.traffic}")


def _changed(state: State, seen: Live) -> str:
    return (
        f"somebody wrote to {state.name} in the middle of our work: {difference(state.version, seen.version)}; "
        "look, then begin again"
    )


def _is_healthy(target: dict[str, object]) -> bool:
    health = target.get("TargetHealth")
    return isinstance(health, dict) and health.get("State") == "healthy"
