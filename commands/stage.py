"""The demo's stage: one release after the other, told as it goes."""

import asyncio
import textwrap
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import click
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import FlowRun
from prefect.deployments import arun_deployment

from commands.rehearsed import Cloud, image
from commands.terminal import Sign, Terminal
from rehearsal.crowd import Crowd
from surefoot.errors import Unavailable
from surefoot.release import Image, Release
from surefoot.rollout import Phase
from surefoot.units import count, took
from tasks.site import open_store
from tasks.store import ledger, rollouts
from tasks.store.database import Store

# The demo's own yes: time enough to click, not enough to fall asleep.
_YES_AFTER_S = 3.0
# A run that has not moved for this long will not.
_LONGEST_S = 300.0
_COMMITS = {"1.1.0": ("4e1c9aa7", "Cart keeps its order"), "other": ("9b07d3fe", "Prices from a cache")}


@dataclass(frozen=True, slots=True)
class Told:
    """How one release ended: the most traffic it had, and what its users met."""

    version: str
    image: str
    percent: int
    phase: str
    put_back_s: float | None

    @property
    def promoted(self) -> bool:
        """Return whether it is live in production."""
        return self.phase == Phase.PROMOTED

    @property
    def put_back(self) -> bool:
        """Return whether it was put back, wherever it had come to."""
        return self.phase == Phase.PUT_BACK


class Stage:
    """Where the demo plays: a cloud, Prefect's pages, the shop's address, and its users."""

    def __init__(self, terminal: Terminal, cloud: Cloud, ui_url: str, address: str) -> None:
        self.terminal = terminal
        self.cloud = cloud
        self.ui_url = ui_url
        self.address = address

    @property
    def addresses(self) -> dict[str, str]:
        """Return what there is to look at."""
        return {
            "shop": self.address,
            "prefect": self.ui_url,
            "slack": self.cloud.slack_page,
            "control": self.cloud.control,
        }

    @asynccontextmanager
    async def users(self, per_second: float) -> AsyncIterator[None]:
        """Let users visit the shop's public address while the block runs."""
        crowd = Crowd(self.address, per_second, timeout_s=5.0)
        visiting = asyncio.create_task(crowd.run())
        try:
            yield
        finally:
            crowd.stop()
            await asyncio.wait([visiting], timeout=6.0)
            visiting.cancel()

    async def release(self, number: str, version: str, what: str, *, ask: bool) -> Told:
        """Release a version as a merge would, through staging and a person's yes, and tell what happens."""
        commit, title = _COMMITS.get(version, _COMMITS["other"])
        release = Release("shop", Image.parse(image(version)), version, commit, title)
        click.echo(f"\n{self.terminal.paint(f'{number} · shop {version}', bold=True)}, {what}")
        async with open_store() as store:
            run = await _ask_for(release)
            if await self._staging(store, run.id):
                production = await self._approval(release, ask=ask)
                await self._production(store, production)
            return await self._told(store, release)

    async def summary(self, told: Sequence[Told]) -> str:
        """Return the table: how far each came, and what users met, counted at the splitter."""
        seen = await self.cloud.stats("shop")
        rows = [f"\n{'':20}{'reached':>8}{'requests it got':>18}{'failed because of it':>23}{'put back':>10}"]
        for each in told:
            requests, failed = seen.get(each.image, (0, 0))
            back = "—" if each.put_back_s is None else took(each.put_back_s)
            name = f"  shop {each.version}"
            rows.append(f"{name:<20}{each.percent:>6} %{count(requests):>18}{count(failed):>23}{back:>10}")
        return "\n".join(rows)

    async def _staging(self, store: Store, run: UUID) -> bool:
        began = time.monotonic()
        ended = await self._follow(store, run, "staging")
        seconds = took(time.monotonic() - began)
        if ended.name == "Done":
            click.echo(
                self.terminal.row(Sign.GOOD, "staging", "smoke checks, compared side by side, then 100 %", seconds)
            )
            return True
        first, *rest = textwrap.wrap(ended.message or ended.name, 56)
        click.echo(self.terminal.row(Sign.BAD, "staging", first, seconds))
        for line in rest:
            click.echo(f"{'':16}{line}")
        click.echo(self.terminal.row(Sign.BACK, "put back", "before any user in production met it"))
        return False

    async def _approval(self, release: Release, *, ask: bool) -> UUID:
        run = await _suspended(release)
        click.echo(self.terminal.row(Sign.NOW, "production", "waits for a yes: open the run, press Resume"))
        click.echo(f"{'':16}{self.ui_url}/runs/flow-run/{run.id}")
        if not ask:
            click.echo(f"{'':16}(yes is said for you in {_YES_AFTER_S:.0f} s: this is a demo)")
            await asyncio.sleep(_YES_AFTER_S)
            async with get_client() as client:
                said = {"decision": "approve", "name": "ana", "comment": "said by surefoot demo"}
                await client.resume_flow_run(run.id, run_input=said)
        return run.id

    async def _production(self, store: Store, run: UUID) -> None:
        ended = await self._follow(store, run, "production")
        if ended.name == "Done":
            click.echo(self.terminal.row(Sign.GOOD, "live", "100 %, seen by probes on the public address"))
        else:
            click.echo(self.terminal.row(Sign.BACK, "put back", "100 % on what was before, read back"))

    async def _follow(self, store: Store, run: UUID, environment: str) -> Any:
        """Tell each step of a run's rollout as the ledger has it; return the state the run ended in."""
        told, since, deadline = 0, time.monotonic(), time.monotonic() + _LONGEST_S
        while time.monotonic() < deadline:
            state = (await _read(run)).state
            entries = [entry for entry in await store.run(_of_run, str(run)) if entry.kind in ("move", "look")]
            for entry in entries[told:]:
                since = self._tell(entry, environment, since)
            told = len(entries)
            if state is not None and state.is_final():
                return state
            await asyncio.sleep(0.3)
        raise Unavailable(f"the run {run} did not end within {_LONGEST_S:.0f} s; see {self.ui_url}/runs/flow-run/{run}")

    def _tell(self, entry: ledger.Entry, environment: str, since: float) -> float:
        fields = entry.fields
        if entry.kind == "look":
            if self.terminal.live:
                click.echo(f"\r\x1b[2K  {self.terminal.sign(Sign.NOW)} {environment:<11} {fields['what']}", nl=False)
            return since
        if self.terminal.live:
            click.echo("\r\x1b[2K", nl=False)
        step = f"{fields['at']} %" if fields["at"] else "compared"
        bad = fields["move"] != "Advance"
        first, *rest = fields["reason"].split("; ")
        if bad or environment == "production":
            sign, word = (Sign.BAD, "FAIL") if bad else (Sign.GOOD, "PASS")
            click.echo(self.terminal.row(sign, step, f"{word}  {first}", took(time.monotonic() - since)))
        for line in rest if bad else ():
            click.echo(f"{'':22}{line}")
        return time.monotonic()

    async def _told(self, store: Store, release: Release) -> Told:
        attempts = [each for each in await store.run(rollouts.history, limit=10) if each.release.id == release.id]
        if not attempts:
            return Told(release.version, str(release.image), 0, "not begun", None)
        last = attempts[0]
        reached = [entry.fields for entry in await store.run(ledger.of_rollout, last.id)]
        percent = max((fields.get("at", 0) for fields in reached if "move" in fields), default=0)
        back = await store.run(_seconds_of_the_way_back, last.id) if last.phase is Phase.PUT_BACK else None
        in_production = last.key == "shop/production"
        return Told(release.version, str(release.image), percent if in_production else 0, last.phase, back)


async def _ask_for(release: Release) -> FlowRun:
    parameters = {"service": release.service, "image": str(release.image), "commit": release.commit}
    parameters |= {"version": release.version, "title": release.title}
    return await arun_deployment("deploy-staging/deploy-staging", parameters=parameters, timeout=0, as_subflow=False)


async def _suspended(release: Release) -> FlowRun:
    """Return the production run once it waits for a person."""
    deadline = time.monotonic() + _LONGEST_S
    async with get_client() as client:
        while time.monotonic() < deadline:
            for run in await client.read_flow_runs(limit=20):
                if run.parameters.get("release") != release.id or run.state is None:
                    continue
                if run.state.is_paused():
                    return run
                if run.state.is_final():
                    raise Unavailable(f"nobody could be asked about {release.short}: {run.state.message}")
            await asyncio.sleep(0.3)
    raise Unavailable(f"nobody was asked about {release.short} within {_LONGEST_S:.0f} s")


async def _read(run: UUID) -> FlowRun:
    async with get_client() as client:
        return await client.read_flow_run(run)


def _of_run(connection: Any, run: str) -> list[ledger.Entry]:
    mine = [attempt.id for attempt in rollouts.history(connection, limit=10) if attempt.run_id == run]
    return ledger.of_rollout(connection, mine[0]) if mine else []


def _seconds_of_the_way_back(connection: Any, rollout: str) -> float | None:
    times = {entry.kind: entry.at for entry in ledger.of_rollout(connection, rollout)}
    if "restore: done" not in times:
        return None
    began = times.get("move", times["restore: intended"])
    return (times["restore: done"] - began).total_seconds()
