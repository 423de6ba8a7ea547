"""A sender killed for real, in the middle of a call to Slack."""

import asyncio
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from rehearsal.slack import Slack as Workspace
from rehearsal.slack import SlackFault
from surefoot import notice
from tasks.slack import Slack
from tasks.store import outbox
from tasks.store.database import Store
from tasks.store.delivery import deliver

TOKEN = "xoxb-only-for-rehearsal"
ROOT = Path(__file__).parents[3]


async def _sender(url, workspace, channel):
    arguments = [str(Path(__file__).with_name("sender.py")), url, workspace.api_url, TOKEN, channel.id]
    return await asyncio.create_subprocess_exec(
        sys.executable, *arguments, cwd=ROOT, env={"PYTHONPATH": str(ROOT)}, stdout=asyncio.subprocess.PIPE
    )


@pytest.mark.parametrize("call", [0, 1, 2])
def test_nothing_is_lost_or_doubled_when_the_sender_dies_before_it_hears_that_its_message_arrived(
    url, release_of, call
):
    subject = notice.Subject("r1", release_of(), "production", previous="1.8.2")
    now = datetime.now(UTC)
    told = notice.put_back(subject, now, percent=10, reason="bad", seconds=3.4, again="surefoot deploy")

    async def story():
        async with Workspace.start(TOKEN, ["releases"]) as workspace:
            channel = workspace.workspace.channel("releases")
            store, slack = Store.open(url), Slack.connect(TOKEN, workspace.api_url)
            try:
                await store.run(outbox.enqueue, channel.id, told, now)
                workspace.faults.add(
                    SlackFault(method="chat.postMessage", after=call, delay_s=0.3, status=500, lost=True)
                )
                sender = await _sender(url, workspace, channel)
                async with asyncio.timeout(30):
                    while len(channel.messages) <= call and sender.returncode is None:  # noqa: ASYNC110 (not ours to tell)
                        await asyncio.sleep(0.01)
                sender.kill()
                await sender.communicate()
                later = datetime.now(UTC) + timedelta(seconds=60)
                left = await deliver(store, slack, channel.id, lambda: later)
            finally:
                await slack.close()
                await store.close()
            return sender.returncode, left, channel

    killed, left, channel = asyncio.run(story())

    assert killed == -9
    assert left.waiting == 0
    assert (len(channel.top()), len(channel.messages)) == (2, 3)
