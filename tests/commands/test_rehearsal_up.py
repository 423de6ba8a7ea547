"""`surefoot rehearsal up`: a cloud on this laptop, until Ctrl-C."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from commands_typed import SUREFOOT, image

_WITHIN_S = 60


@contextmanager
def up(folder: Path, *words: str) -> Iterator[subprocess.Popen[str]]:
    environ = {**os.environ, "SUREFOOT_STORE": str(folder / "store.db")}
    process = subprocess.Popen(
        [SUREFOOT, "rehearsal", "up", "--state", str(folder / "cloud"), *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=folder,
        env=environ,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate(timeout=_WITHIN_S)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_runs_with_the_shop_on_it_until_it_is_stopped_and_leaves_nothing_running(
    tmp_path: Path, number: signal.Signals
) -> None:
    with up(tmp_path, "--any-port", "--json") as process:
        assert process.stdout is not None
        text = ""
        while not text.endswith("}\n") or text.count("{") != text.count("}"):
            line = process.stdout.readline()
            assert line, process.communicate()[1]
            text += line
        document = json.loads(text)
        assert document["schema"] == "surefoot.rehearsal/1"
        assert document["images"]["1.1.0"] == image("1.1.0")
        assert httpx.get(f"{document['services']['shop']}/readyz").status_code == 200
        environ = {
            **os.environ,
            "SUREFOOT_SERVICES": document["service_file"],
            "SUREFOOT_STORE": str(tmp_path / "s.db"),
        }
        plan = subprocess.run(
            [SUREFOOT, "plan", "shop", "production"], capture_output=True, text=True, check=False, env=environ
        )
        assert plan.returncode == 0, plan.stderr
        process.send_signal(number)
        _, err = process.communicate(timeout=_WITHIN_S)
        assert (process.returncode, err) == (0, "Stopping.\n")
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{document['services']['shop']}/readyz")


@pytest.mark.skipif(sys.platform != "linux", reason="the leash is Linux's")
def test_killed_it_takes_its_cloud_along(tmp_path: Path) -> None:
    with up(tmp_path, "--any-port", "--empty") as process:
        assert process.stdout is not None
        address = [process.stdout.readline() for _ in range(4)][3].split()[2]
        assert httpx.get(f"{address}/faults").status_code == 200
    deadline = time.monotonic() + _WITHIN_S
    while True:
        try:
            httpx.get(f"{address}/faults")
        except httpx.TransportError:
            return
        assert time.monotonic() < deadline, "the rehearsal outlived its command"


def test_an_empty_one_tells_its_addresses_one_a_line(tmp_path: Path) -> None:
    with up(tmp_path, "--any-port", "--empty") as process:
        assert process.stdout is not None
        told = [process.stdout.readline() for _ in range(4)]
        assert [line.split()[1] for line in told] == ["cloud", "aws", "slack", "control"]
        assert "grpc://127.0.0.1:" in told[0]


def test_a_port_that_is_taken_is_said(tmp_path: Path) -> None:
    with up(tmp_path, "--any-port", "--empty") as first:
        assert first.stdout is not None
        port = first.stdout.readline().split()[2].rpartition(":")[2]
        ports = ("--grpc-port", port, "--control-port", "0", "--slack-port", "0", "--public", "x=0")
        with up(tmp_path / "..", *ports, "--empty") as second:
            _, err = second.communicate(timeout=_WITHIN_S)
            assert second.returncode == 1
            assert "the rehearsal did not come up" in err
            assert "Traceback" not in err
