"""Who we are at AWS, for those who only look: clients of their own, each call in a thread and soon given up."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from surefoot.errors import Refused, TargetError
from tasks.doctor.finding import Finding, Once, ill, well
from tasks.targets.ecs import Settings
from tasks.targets.ecs.clients import made
from tasks.targets.ecs.problems import translated

# A client's kind, its method, and what is told to it.
Ask = Callable[[str, str, Mapping[str, Any]], Awaitable[dict[str, Any]]]
LOG_IN = "aws sso login   # or set AWS_PROFILE"
_ANSWER_S = 8.0


class Account:
    """The account that we are known by, and the clients that ask with it."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._clients: dict[str, Any] = {}
        self._making = threading.Lock()
        self.who = Once(self._identity)

    async def credentials(self) -> Sequence[Finding]:
        """Say who we are."""
        try:
            return [well("credentials", f"AWS knows us as {await self.who()}")]
        except TargetError as problem:
            if "NotImplemented" in str(problem) and self._rehearsed:
                return [well("credentials", f"{self._settings.endpoint} is a rehearsal on this machine, none needed")]
            if not isinstance(problem, Refused):
                raise
            return [ill("credentials", str(problem).partition("; ")[0], LOG_IN)]

    async def ask(self, kind: str, method: str, told: Mapping[str, Any]) -> dict[str, Any]:
        """Make a call, once; errors are the SDK's own."""
        answer: dict[str, Any] = await asyncio.to_thread(lambda: getattr(self._client(kind), method)(**told))
        return answer

    async def close(self) -> None:
        """Let go of connections."""
        await self.who.close()
        for client in self._clients.values():
            client.close()

    @property
    def _rehearsed(self) -> bool:
        return self._settings.endpoint.startswith("http://")

    async def _identity(self) -> str:
        with translated("GetCallerIdentity"):
            return str((await self.ask("sts", "get_caller_identity", {}))["Arn"])

    def _client(self, kind: str) -> Any:
        with self._making:
            if kind not in self._clients:
                self._clients[kind] = made(self._settings, kind, agent="surefoot-doctor", answer_s=_ANSWER_S)
            return self._clients[kind]
