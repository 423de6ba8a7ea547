"""A lifecycle hook at work: what it waits for, until when, and what was answered."""

import asyncio
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from rehearsal.ecs import names
from rehearsal.ecs.world import World, now

CONTINUE = "CONTINUE"
ROLLBACK = "ROLLBACK"
_DEFAULT_MINUTES = 1440


@dataclass(slots=True, eq=False)
class Hook:
    """One pause, or one call of a Lambda function; those are not called here, and pass at once."""

    stage: str
    target: str
    timeout_action: str
    expires: datetime
    target_arn: str | None = None
    id: str = field(default_factory=names.event_id)
    status: str = "AWAITING_ACTION"
    _answered: asyncio.Event = field(default_factory=asyncio.Event)
    _action: str = ""

    @classmethod
    def begin(cls, stage: str, given: dict[str, Any], world: World) -> "Hook":
        """Start a hook as the configuration gives it."""
        timeout = given.get("timeoutConfiguration") or {}
        wait_s = world.minutes(timeout.get("timeoutInMinutes", _DEFAULT_MINUTES))
        target = given.get("targetType", "AWS_LAMBDA")
        action = timeout.get("action", ROLLBACK)
        return cls(stage, target, action, now() + timedelta(seconds=wait_s), given.get("hookTargetArn"))

    @property
    def waits(self) -> bool:
        """Say whether somebody may answer it."""
        return self.status == "AWAITING_ACTION"

    def answer(self, action: str) -> None:
        """Take an answer; what comes next is up to whoever waits."""
        self._action, self.status = action, "SUCCEEDED" if action == CONTINUE else "FAILED"
        self._answered.set()

    async def outcome(self) -> str:
        """Return CONTINUE or ROLLBACK once it is answered, or by itself once it has expired."""
        if self.target == "AWS_LAMBDA":
            self.answer(CONTINUE)
        try:
            async with asyncio.timeout((self.expires - now()).total_seconds()):
                await self._answered.wait()
        except TimeoutError:
            self._action, self.status = self.timeout_action, "TIMED_OUT"
        return self._action

    def abandon(self) -> None:
        """Take no answer any more."""
        if self.waits:
            self.status = "FAILED"

    def told(self) -> dict[str, Any]:
        """Return it as DescribeServiceDeployments does."""
        told = {"hookId": self.id, "targetType": self.target, "status": self.status}
        if self.target_arn:
            told["targetArn"] = self.target_arn
        return {**told, "expiresAt": self.expires, "timeoutAction": self.timeout_action}
