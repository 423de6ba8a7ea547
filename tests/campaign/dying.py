"""A run's process that kills itself right after one of its writes: `python dying.py RUN NOTE [POINT]`.

Each write to store or cloud is a point, named after what it wrote and how often that was written before. All that are
come to are noted in a file; at POINT the process ends by SIGKILL, before anything else can happen. A run that waits
for a person is answered yes here, as often as it asks, so that one process goes through everything.
"""

import asyncio
import os
import re
import signal
import sys
import threading
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import UUID

from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import FlowRun
from prefect.exceptions import Pause
from prefect.flow_engine import run_flow_async
from sqlalchemy import Engine, Pool, event

from flows.deploy import deploy_production, deploy_staging
from tasks import targets

_WRITES = re.compile(r"\s*(INSERT INTO|UPDATE|DELETE FROM)\s+(\w+)", re.IGNORECASE)
_REAL = dict(targets.TARGETS)
# Calls that change something at a cloud, by how they are told.
_CHANGES = (
    "UpdateService",
    "ContinueServiceDeployment",
    "StopServiceDeployment",
    "RegisterTaskDefinition",
    "TagResource",
    "UntagResource",
)
_MOST_ANSWERS = 3


class Points:
    """Counts the points and dies at the one asked for."""

    def __init__(self, note: Path, fatal: str) -> None:
        self._note = note
        self._fatal = fatal
        self._seen: Counter[str] = Counter()
        self._here = threading.local()
        self._one = threading.Lock()

    def reach(self, name: str) -> None:
        """Note a point, and die there if it is the fatal one."""
        with self._one:
            self._seen[name] += 1
            point = f"{name} #{self._seen[name]}"
            with self._note.open("a") as note:
                note.write(point + "\n")
            if point == self._fatal:
                os.kill(os.getpid(), signal.SIGKILL)

    def listen(self) -> None:
        """Hear of every transaction that wrote something, once it is committed and its connection given back."""
        event.listen(Engine, "after_cursor_execute", self._wrote)
        event.listen(Engine, "commit", lambda _connection: setattr(self._here, "committed", True))
        event.listen(Pool, "reset", self._over)

    def _wrote(
        self, _connection: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, _many: bool
    ) -> None:
        found = _WRITES.match(statement)
        if found:
            said = [text for text in _texts(parameters) if re.fullmatch(r"[a-z ]+(: [a-z ]+)?", text)]
            what = f"{found[2]} ({said[0]})" if found[2] == "ledger" and said else found[2]
            self._tables().append(what)

    def _over(self, *_arguments: Any) -> None:
        tables, committed = self._tables(), getattr(self._here, "committed", False)
        self._here.tables, self._here.committed = [], False
        if tables and committed:
            self.reach("store: " + " + ".join(dict.fromkeys(tables)))

    def _tables(self) -> list[str]:
        if not hasattr(self._here, "tables"):
            self._here.tables = []
        return self._here.tables


def _texts(parameters: Any) -> list[str]:
    values = parameters.values() if isinstance(parameters, dict) else parameters
    return [value for value in values if isinstance(value, str)]


class Watched:
    """A target whose writes are points: once when the cloud has accepted one, once when it was seen to be true."""

    def __init__(self, real: Any, points: Points) -> None:
        self._real = real
        self._points = points

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._real, name)
        if name not in ("stage", "shift"):
            return found

        async def verb(*arguments: Any) -> Any:
            result = await found(*arguments)
            self._points.reach(f"cloud: {name} observed")
            return result

        return verb


class Adapter:
    """Stands where the real adapter's module does, under the same name."""

    def __init__(self, points: Points, module: str) -> None:
        self._points = points
        self._accepted = ""
        self._real = __import__(module, fromlist=["connect"])
        self.Settings = self._real.Settings
        self.undo_command = self._real.undo_command
        self.plan_problem = self._real.plan_problem
        self.promises = self._real.promises

    def connect(self, settings: Any, plan: Any, _on_call: Any = None) -> Watched:
        return Watched(self._real.connect(settings, plan, self._on_call), self._points)

    def _on_call(self, what: str) -> None:
        # It is told before each call: the first call after a write follows right after the write was accepted.
        if self._accepted:
            accepted, self._accepted = self._accepted, ""
            self._points.reach(f"cloud: {accepted} accepted")
        self._accepted = next((change for change in _CHANGES if what.startswith(change)), "")


async def live(run_id: str) -> None:
    """Execute a run to its end; where it asks people, the answer is yes."""
    flows = {flow.name: flow for flow in (deploy_staging, deploy_production)}
    for _ in range(_MOST_ANSWERS):
        async with get_client() as client:
            run: FlowRun = await client.read_flow_run(UUID(run_id))
            name = (await client.read_flow(run.flow_id)).name
        with suppress(Pause):
            await run_flow_async(flows[name], flow_run=run, parameters=run.parameters, return_type="state")
        async with get_client() as client:
            run = await client.read_flow_run(UUID(run_id))
            if run.state is None or not run.state.is_paused():
                return
            said = {"decision": "approve", "name": "ana", "comment": ""}
            await client.resume_flow_run(run.id, run_input=said)


def main() -> None:
    """Live until the point."""
    run_id, note, *fatal = sys.argv[1:]
    points = Points(Path(note), "".join(fatal))
    points.listen()
    for kind, module in _REAL.items():
        sys.modules[f"dying_{kind}"] = Adapter(points, module)  # type: ignore[assignment]
        targets.TARGETS[kind] = f"dying_{kind}"  # type: ignore[index]
    asyncio.run(live(run_id))


if __name__ == "__main__":
    main()
