"""Time that passes in sleeps alone, beginning twenty seconds before a whole minute."""

import asyncio

from surefoot.vitals import Look

NOON = 1_800_000_000.0


class Clock:
    """Tells seconds since the epoch; `early` is by how much the next sleep ends too soon."""

    def __init__(self, now: float = NOON - 20) -> None:
        self.now = now
        self.early = 0.0

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(0)
        self.now, self.early = self.now + max(0.0, seconds) - self.early, 0.0


def blindness(look: Look) -> str:
    """Return why a look is blind; both sides say the same, and nothing else."""
    assert look.stable.blind == look.canary.blind
    assert look.stable.requests == look.canary.requests == 0
    return look.stable.blind
