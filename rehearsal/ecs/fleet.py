"""The tasks of one service revision: as many as asked for, each started again when it fails."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

from rehearsal.aws.refusal import Refusal
from rehearsal.backend import Backend
from rehearsal.ecs import names
from rehearsal.ecs.berth import Berth
from rehearsal.ecs.checking import Check
from rehearsal.ecs.task import BY_SCHEDULER, CRASHED, NOT_STARTED, Ending, Task
from rehearsal.ecs.world import World
from rehearsal.platform import ImageMissing, Platform

_BACK_OFF_S = 10.0
_LONGEST_BACK_OFF_S = 300.0
_LEAST_BACK_OFF_S = 0.1
_TELLING_FAILURES = 3
_REMEMBERED = 50


@dataclass(slots=True, eq=False)
class Fleet:
    """Keeps `desired` tasks running. `tasks` has those that ended lately, too.

    `failures` counts those that failed since one was healthy, `failures_in_all` all of them.
    """

    world: World
    platform: Platform
    berth: Berth
    say: Callable[[str], None]
    numbers: Callable[[], int]
    tasks: list[Task] = field(default_factory=list)
    desired: int = 0
    failures: int = 0
    failures_in_all: int = 0
    _slots: dict[asyncio.Task[None], Task | None] = field(default_factory=dict)
    _leaving: set[asyncio.Task[None]] = field(default_factory=set)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def running(self) -> int:
        """Return how many tasks run."""
        return sum(task.status == "RUNNING" for task in self.tasks)

    @property
    def pending(self) -> int:
        """Return how many tasks are about to run."""
        return sum(task.status == "PENDING" for task in self.tasks)

    @property
    def healthy(self) -> int:
        """Return how many tasks run and satisfy whoever checks them."""
        return sum(task.healthy for task in self.tasks)

    @property
    def backends(self) -> list[Backend]:
        """Return where its running tasks listen."""
        return [task.backend for task in self.tasks if task.status == "RUNNING" and task.backend]

    def scale(self, count: int) -> None:
        """Ask for so many tasks; those too many begin to leave, those missing begin to start."""
        self.desired = count
        self._release(set(list(self._slots)[count:]))
        while len(self._slots) < count:
            self._slots[asyncio.get_running_loop().create_task(self._keep())] = None
        self._changed.set()

    async def settled(self) -> None:
        """Return once all tasks asked for are healthy."""
        await self.until(lambda: self.healthy >= self.desired)

    async def until(self, holds: Callable[[], bool]) -> None:
        """Return once something about its tasks holds."""
        while not holds():
            self._changed.clear()
            await self._changed.wait()

    def freeze(self) -> None:
        """Start no task again; those that are healthy go on."""
        self._release({slot for slot, task in self._slots.items() if task is None or not task.healthy})
        self.desired = len(self._slots)

    async def stop(self) -> None:
        """Take every task out of its target group and end it."""
        self.scale(0)
        if self._leaving:
            await asyncio.wait(set(self._leaving))  # unlike gather, a cancelled wait leaves them to their end

    def _release(self, slots: set[asyncio.Task[None]]) -> None:
        """Let slots end; each is cancelled only here and once, so that it ends its process undisturbed."""
        for slot in slots:
            del self._slots[slot]
            slot.cancel()
            self._leaving.add(slot)
            slot.add_done_callback(self._leaving.discard)

    async def _keep(self) -> None:
        failed_in_row = 0
        this = asyncio.current_task()
        while True:
            task = self._new()
            if this in self._slots:
                self._slots[this] = task
            try:
                ending = await self._live(task)
            except asyncio.CancelledError:
                reason = f"Scaling activity initiated by (deployment {self.berth.started_by})"
                await self._end(task, Ending(BY_SCHEDULER, reason))
                raise
            failed_in_row = 1 if task.healthy else failed_in_row + 1
            self.failures += 1
            self.failures_in_all += 1
            await self._end(task, ending)
            if failed_in_row == _TELLING_FAILURES:
                self.say("is unable to consistently start tasks successfully.")
            back_off_s = min(_BACK_OFF_S * 2 ** (failed_in_row - 1), _LONGEST_BACK_OFF_S)
            await asyncio.sleep(self.world.seconds(back_off_s, _LEAST_BACK_OFF_S))

    def _new(self) -> Task:
        berth, region = self.berth, self.world.region
        task = Task(
            arn=names.arn(region, "task", berth.cluster, names.task_id()),
            cluster_arn=names.arn(region, "cluster", berth.cluster),
            service=berth.service,
            started_by=berth.started_by,
            definition=berth.definition,
            container=berth.container,
            image_digest=self.world.catalogue.digest(berth.container["image"]),
            key=f"{berth.definition.label}-{self.numbers()}",
        )
        gone = [one for one in self.tasks if one.stopped]
        for one in gone[: max(0, len(gone) - _REMEMBERED)]:
            self.tasks.remove(one)
        self.tasks.append(task)
        return task

    async def _live(self, task: Task) -> Ending:
        """Start a task and return why it failed; cancelled when it is no longer wanted."""
        image, env = self.berth.container["image"], self.berth.container.get("environment") or ()
        try:
            (instance,) = await self.platform.start(
                task.key,
                image,
                service=self.berth.service,
                revision=self.berth.definition.label,
                env={one["name"]: one.get("value", "") for one in env},
            )
        except ImageMissing:
            reason = f"CannotPullContainerError: pull image manifest has been retried 1 time(s): {image}: not found"
            return Ending(NOT_STARTED, reason, container_reason=reason)
        except OSError as problem:
            return Ending(NOT_STARTED, f"ResourceInitializationError: {problem}")
        task.runs(instance.backend)
        self.say(f"has started 1 tasks: (task {task.id}).")
        try:
            await self._register(instance.backend)
        except Refusal as refusal:
            return Ending(BY_SCHEDULER, f"Task could not be registered: {refusal.message}")
        return await self._until_it_fails(task, instance.process)

    async def _until_it_fails(self, task: Task, process: asyncio.subprocess.Process) -> Ending:
        exiting = asyncio.ensure_future(process.wait())
        ailing = asyncio.ensure_future(self._until_unhealthy(task))
        try:
            await asyncio.wait({exiting, ailing}, return_when=asyncio.FIRST_COMPLETED)
            if exiting.done():
                code = exiting.result()
                return Ending(CRASHED, "Essential container in task exited", code if code >= 0 else 128 - code)
            return ailing.result()
        finally:
            exiting.cancel()
            ailing.cancel()
            await asyncio.gather(exiting, ailing, return_exceptions=True)

    async def _until_unhealthy(self, task: Task) -> Ending:
        check = Check(self.world, self.berth, task)
        if await check.passed():
            task.becomes_healthy()
            self.failures = 0
            self._changed.set()
            await check.failed()
        self.say(check.event)
        return check.ending

    async def _register(self, backend: Backend) -> None:
        if self.berth.group_arn:
            await self.world.balancer.register(self.berth.group_arn, self.berth.definition.label, [backend])
            self.say(f"registered 1 targets in (target-group {self.berth.group_arn})")

    async def _end(self, task: Task, ending: Ending) -> None:
        """Take a task down in a task of its own: who waits for it may be cancelled, and must not leave a process."""
        leaving = asyncio.get_running_loop().create_task(self._take_down(task, ending))
        self._leaving.add(leaving)
        leaving.add_done_callback(self._leaving.discard)
        await asyncio.shield(leaving)

    async def _take_down(self, task: Task, ending: Ending) -> None:
        task.ends(ending)
        self._changed.set()
        if task.backend and self.berth.group_arn:
            with suppress(Refusal):  # the group may have been deleted meanwhile
                await self.world.balancer.deregister(self.berth.group_arn, [task.backend])
                self.say(f"deregistered 1 targets in (target-group {self.berth.group_arn})")
        await self.platform.stop(task.key)
        task.is_gone()
        if task.started:
            self.say(f"has stopped 1 running tasks: (task {task.id}).")
        self._changed.set()
