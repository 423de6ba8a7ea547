"""The rehearsal as a process: it says where it is, ends when told, and leaves nothing behind."""

import asyncio
import json
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import aiohttp
import grpc.aio
import pytest
from google.cloud import run_v2
from google.cloud.run_v2.services.services.transports import ServicesGrpcAsyncIOTransport
from rehearsed import PARENT, until
from slack_sdk.web.async_client import AsyncWebClient

pytestmark = pytest.mark.anyio
_IMAGE = """
import os, socket, sys
server = socket.create_server(("127.0.0.1", int(os.environ["PORT"])))
print(os.getpid(), flush=True)
while True:
    server.accept()[0].close()
"""


def image(tmp_path: Path) -> Path:
    script, catalogue = tmp_path / "image.py", tmp_path / "catalogue.yaml"
    script.write_text(_IMAGE)
    catalogue.write_text(f"images:\n- {{image: registry/shop, tag: '1', command: [python, -S, -E, {script}]}}\n")
    return catalogue


@asynccontextmanager
async def process(tmp_path: Path, *more: str) -> AsyncIterator[tuple[asyncio.subprocess.Process, dict[str, str]]]:
    """Run a rehearsal in a process of its own and yield it with its addresses."""
    arguments = ["-m", "rehearsal", "--catalogue", str(image(tmp_path)), "--state", str(tmp_path), *more]
    running = await asyncio.create_subprocess_exec(sys.executable, *arguments, stdout=asyncio.subprocess.PIPE)
    assert running.stdout
    try:
        async with asyncio.timeout(20):
            yield running, json.loads(await running.stdout.readline())
    finally:
        if running.returncode is None:
            running.kill()
        await running.stdout.read()
        await running.wait()


async def serve(addresses: dict[str, str], tmp_path: Path) -> int:
    """Create a service of two instances and return the process id of its first."""
    template = run_v2.RevisionTemplate(
        revision="shop-1", containers=[run_v2.Container(image="registry/shop:1")], scaling={"min_instance_count": 2}
    )
    async with grpc.aio.insecure_channel(addresses["grpc"].removeprefix("grpc://")) as channel:
        client = run_v2.ServicesAsyncClient(transport=ServicesGrpcAsyncIOTransport(channel=channel))
        began = await client.create_service(parent=PARENT, service=run_v2.Service(template=template), service_id="shop")
        await began.result()
    return int((tmp_path / "logs" / "rehearsal" / "laptop" / "shop-1-0.log").read_text())


def listeners(pid: int) -> list[str]:
    """Return the addresses a process listens on, as the kernel writes them."""
    inodes = set()
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # closed since the folder was listed
            inodes.add(str(link.readlink()))
    lines = [
        line.split() for table in ("tcp", "tcp6") for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()
    ]
    return [line[1] for line in lines if line[3] == "0A" and f"socket:[{line[9]}]" in inodes]


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def test_it_says_where_everything_is_and_each_of_them_answers(tmp_path):
    announced = tmp_path / "run" / "addresses.json"
    async with process(tmp_path, "--announce", str(announced), "--channel", "ship-room") as (_, addresses):
        assert json.loads(announced.read_text()) == addresses
        assert all("//127.0.0.1:" in address for address in addresses.values())
        assert (await AsyncWebClient("xoxb-rehearsal", base_url=addresses["slack"]).auth_test())["ok"]
        async with aiohttp.ClientSession() as browser:
            for url in (addresses["slack_page"], addresses["control"] + "/metrics"):
                async with browser.get(url) as answer:
                    assert answer.status == 200
        assert addresses["slack_page"].endswith("/channels/ship-room")
        assert await serve(addresses, tmp_path)


async def test_it_says_nothing_else_while_all_is_well(tmp_path, capfd):
    async with process(tmp_path) as (running, addresses):
        await serve(addresses, tmp_path)
        running.terminate()
        await running.wait()
        assert running.stdout
        assert await running.stdout.read() == b""
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_it_ends_within_two_seconds_of_being_told_with_all_that_it_started(tmp_path, number):
    async with process(tmp_path) as (running, addresses):
        revision = await serve(addresses, tmp_path)
        told_s = time.monotonic()
        running.send_signal(number)
        assert await running.wait() == 0
        assert time.monotonic() - told_s < 2
        assert not alive(revision)


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's parent-death signal is Linux's")
async def test_no_revision_outlives_a_killed_rehearsal(tmp_path):
    async with process(tmp_path) as (running, addresses):
        revision = await serve(addresses, tmp_path)
        assert alive(revision)
        running.kill()
        await running.wait()
        await until(lambda: not alive(revision))


async def test_ports_and_the_slack_token_can_be_given(tmp_path, free_tcp_port_factory, monkeypatch):
    monkeypatch.setenv("REHEARSAL_SLACK_TOKEN", "xoxb-other")
    ports = [str(free_tcp_port_factory()) for _ in range(4)]
    names = ("--grpc-port", "--control-port", "--slack-port")
    given = [word for pair in zip(names, ports[:3], strict=True) for word in pair]
    async with process(tmp_path, *given, "--public", f"shop={ports[3]}") as (_, addresses):
        assert [addresses[name].split(":")[2].split("/")[0] for name in ("grpc", "control", "slack")] == ports[:3]
        assert (await AsyncWebClient("xoxb-other", base_url=addresses["slack"]).auth_test())["ok"]
        await serve(addresses, tmp_path)
        _, writer = await asyncio.open_connection("127.0.0.1", int(ports[3]))
        writer.close()
        await writer.wait_closed()


@pytest.mark.parametrize("option", ["--grpc-port", "--control-port", "--slack-port"])
async def test_a_port_that_is_taken_is_said(tmp_path, option):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        running = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "rehearsal", "--state", str(tmp_path), option, port), stderr=asyncio.subprocess.PIPE
        )
        _, said = await running.communicate()
    assert running.returncode == 2
    assert port.encode() in said
    assert b"take another port" in said
    assert b"Traceback" not in said


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
async def test_nothing_listens_beyond_this_machine(tmp_path):
    async with process(tmp_path) as (running, addresses):
        await serve(addresses, tmp_path)
        listening = listeners(running.pid)
    assert len(listening) == 6  # both clouds' APIs, control, Slack, the registry, and the shop's public address
    # 127.0.0.1, the plain way and as IPv6 writes it.
    assert {address.partition(":")[0][-16:] for address in listening} <= {"0100007F", "FFFF00000100007F"}


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--catalogue", "nowhere.yaml"], b"nowhere.yaml: cannot be read"),
        (["--public", "shop"], b"'shop' is not SERVICE=PORT"),
        (["--speed", "0"], b"speed has to be positive"),
    ],
)
async def test_input_that_cannot_be_used_ends_it_with_2_and_a_sentence(arguments, complaint):
    running = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "rehearsal", *arguments, stderr=asyncio.subprocess.PIPE
    )
    _, said = await running.communicate()
    assert running.returncode == 2
    assert complaint in said
