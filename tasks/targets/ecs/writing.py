"""Writes that are made once each: preceded by a look, looked after when the reply is lost, believed when observed."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from surefoot.errors import Interfered, Unavailable
from surefoot.rollout import Mark
from surefoot.traffic import Traffic
from tasks.targets.ecs import Settings, marks
from tasks.targets.ecs.calls import Calls
from tasks.targets.ecs.climb import at_once, rolling
from tasks.targets.ecs.deployment import Deployment
from tasks.targets.ecs.problems import Conflict
from tasks.targets.ecs.reader import Reader
from tasks.targets.ecs.state import State
from tasks.targets.ecs.words import (
    Back,
    Begin,
    Done,
    Go,
    Word,
    next_word,
    refuse_answered,
    refuse_overtaken,
    refuse_strangers,
    steps_of,
)
from tasks.targets.patience import Patience


class Writer:
    """What we write to one service."""

    def __init__(self, settings: Settings, calls: Calls, reader: Reader) -> None:
        self._settings = settings
        self._calls = calls
        self._reader = reader

    def patience(self) -> Patience:
        """Return how long a change that begins now may take."""
        return Patience.of(self._settings.change_within_s, self._settings.poll_every_s)

    async def mark(self, state: State, mark: Mark) -> State:
        """Write the rollout's mark where it is not yet, and read it back."""
        wanted, arn = marks.written(mark, state.tags), str(state.service["serviceArn"])

        def done(now: State) -> bool:
            refuse_overtaken(now, mark)
            return wanted.items() <= now.tags.items()

        return await self._tag(state, done, lambda _: self._calls.tag(arn, wanted))

    async def unmark(self, state: State) -> State:
        """Take the mark away, all but the fence; one that a newer rollout has written meanwhile stays."""
        arn, ended = str(state.service["serviceArn"]), state.mark

        def done(now: State) -> bool:
            theirs = ended is not None and now.mark is not None and now.mark.rollout != ended.rollout
            return theirs or not marks.passing(now.tags)

        return await self._tag(state, done, lambda now: self._calls.untag(arn, marks.passing(now.tags)))

    async def update(self, state: State, definition: str, configuration: dict[str, Any]) -> State:
        """Begin a deployment of a task definition, and return the state in which it was seen.

        A second UpdateService with the same task definition begins nothing, so a lost reply can do no harm. Only where
        the service has it already, as after a way back that failed, ECS is told to deploy it anew.
        """
        known, patience = {one.arn for one in state.deployments}, self.patience()
        before, anew = state.stamp, state.service.get("taskDefinition") == definition
        heard = False
        for wait_s in patience.waits():
            problem = None if heard else await _lost(self._calls.update(definition, configuration, anew=anew))
            heard = problem is None  # from here on it is only looked for
            state = await self.look_after(problem, patience)
            new = [one for one in state.deployments if one.arn not in known]
            if new and new[0].target.definition == definition:
                return state
            if new:
                raise Interfered(wrote(state, before))
            await asyncio.sleep((problem and problem.retry_after_s) or wait_s)
        raise Unavailable(f"the deployment of {definition.rpartition('/')[2]} was not seen to begin in time")

    async def shift(self, state: State, wanted: Traffic, mark: Mark | None = None) -> State:
        """Say one word after the other until the traffic is as wanted; each is taken once, whatever its reply.

        Without a mark the rollout is over, and nothing is left waiting.
        """
        patience, ours = self.patience(), frozenset[Traffic]()
        said: dict[str, bool] = {}
        problem: Unavailable | None = None
        for wait_s in patience.waits():
            ours |= steps_of(state)
            refuse_strangers(state, wanted, ours)
            if mark is not None:
                refuse_overtaken(state, mark)
            word = next_word(state, wanted, over=mark is None)
            if isinstance(word, Done):
                return state
            problem = await self._say(word, state, said)
            await asyncio.sleep((problem and problem.retry_after_s) or wait_s)
            state = await self.look_after(problem, patience)
        raise problem or Unavailable(
            "the change was accepted, but was not observed in time; look: aws ecs describe-services"
        )

    async def look_after(self, problem: Unavailable | None, patience: Patience) -> State:
        """Look at what became of a write, whose reply may be lost."""
        try:
            return await self._reader.look(patience.call_s)
        except Unavailable as blind:
            if problem is None:
                raise
            raise Unavailable(f"{problem}; whether it was made could not be seen ({blind}): look again") from blind

    async def _say(self, word: Word, state: State, said: dict[str, bool]) -> Unavailable | None:
        """Say a word; return what kept its reply from us."""
        match word:
            case Go(deployment) if not said.get(deployment.hook):
                return await self._go(deployment, said)
            case Back(deployment):
                return await self._back(deployment, said)
            case Begin(part):
                before = state.service.get("deploymentConfiguration") or {}
                told = rolling(before) if self._settings.rolling else at_once(before)
                await self.update(state, part.definition, told)
        return None

    async def _go(self, deployment: Deployment, said: dict[str, bool]) -> Unavailable | None:
        """Answer a pause once. `said` keeps the pauses that were answered: True where the answer was heard."""
        hook, asked_before = deployment.hook, deployment.hook in said
        said[hook] = False
        try:
            problem = await _lost(self._calls.go_on(deployment.arn, hook))
        except Conflict as over:
            if not asked_before:  # else our own first word, whose reply was lost, was heard
                refuse_answered(await self._reader.look(), deployment, over)
            return None
        said[hook] = problem is None
        return problem

    async def _back(self, deployment: Deployment, said: dict[str, bool]) -> Unavailable | None:
        """Put it back by its pause, or by stopping it where that does not take our word."""
        by_pause = f"{deployment.hook} ROLLBACK"
        try:
            if deployment.hook and by_pause not in said:
                return await _lost(self._calls.go_on(deployment.arn, deployment.hook, back=True))
            return await _lost(self._calls.stop(deployment.arn))
        except Conflict as over:  # perhaps it has only moved on: the next look says where it is
            said[by_pause] = False
            return Unavailable(str(over))

    async def _tag(
        self, state: State, done: Callable[[State], bool], write: Callable[[State], Awaitable[None]]
    ) -> State:
        patience = self.patience()
        for wait_s in patience.waits():
            if done(state):
                return state
            problem = await _lost(write(state))
            state = await self.look_after(problem, patience)
            if not done(state):
                await asyncio.sleep((problem and problem.retry_after_s) or wait_s)
        raise Unavailable(f"the tags of {state.name} were not seen in time; look: aws ecs list-tags-for-resource")


async def _lost(write: Awaitable[None]) -> Unavailable | None:
    """Make a write, and return what kept its reply from us."""
    try:
        await write
    except Unavailable as problem:
        return problem
    return None


def wrote(state: State, before: str) -> str:
    """Return the sentence that says what is other than it was."""
    return f"somebody wrote to {state.name} in the middle of our work: it was {before}, and is {state.stamp}"
