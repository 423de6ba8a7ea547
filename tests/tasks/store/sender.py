"""A sender of its own process: it delivers until it is killed. Arguments: store, Slack's address, token, channel."""

import asyncio
import sys
from datetime import UTC, datetime

from tasks.slack import Slack
from tasks.store.database import Store
from tasks.store.delivery import drain


async def _send(url: str, api_url: str, token: str, channel: str) -> None:
    store, slack = Store.open(url), Slack.connect(token, api_url)
    print("ready", flush=True)
    await drain(store, slack, channel, lambda: datetime.now(UTC), within_s=60)


if __name__ == "__main__":
    asyncio.run(_send(*sys.argv[1:]))
