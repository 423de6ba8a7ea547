"""`surefoot demo`, whole: each bad release by its name, and nothing left behind."""

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

pytestmark = [pytest.mark.campaign, pytest.mark.timeout(600)]


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    """A temporary folder of our own, so that what a demo leaves there is its own."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return tmp_path


def begun(*arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "commands", "demo", *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=os.environ)


def processes_of(folder: Path) -> list[str]:
    """What still runs with the demo's folder in its environment."""
    found = []
    for environ in Path("/proc").glob("[0-9]*/environ"):
        try:
            if str(folder).encode() in environ.read_bytes() and environ.parent.name != str(os.getpid()):
                found.append((environ.parent / "cmdline").read_text().replace("\0", " "))
        except OSError:
            continue
    return found


@pytest.mark.parametrize("target", ["cloud-run", "ecs"])
@pytest.mark.parametrize(
    ("bad", "reason", "failed"),
    [
        ("errors", r"errors \d+ of \d+ \(\d.*%\) vs 0 of \d+", None),
        ("crash", r"exited with|exit code|crash", 0),
        ("smoke", r"smoke through the preview address: 5 of 6: order", 0),
        ("slow", r"p50 \d+ ms vs \d+ ms|p95 \d+ ms vs \d+ ms", 0),
    ],
)
def test_each_bad_release_is_put_back_with_its_true_reason(temporary, target, bad, reason, failed):
    began = time.monotonic()
    demo = begun("--target", target, "--bad", bad)

    told, _ = demo.communicate(timeout=500)

    assert demo.returncode == 0, told
    flat = re.sub(r"\s+", " ", told)
    assert re.search(reason, flat), told
    row = re.search(rf"shop 1\.2\.0-{bad} +(\d+) % +([\d,]+) +([\d,]+) ", told)
    assert row, told
    if failed is not None:
        assert (int(row[1]), int(row[3].replace(",", ""))) == (0, failed)
    assert not list(temporary.iterdir())
    assert not processes_of(temporary)
    print(f"--target {target} --bad {bad}: {time.monotonic() - began:.0f} s")


def test_a_ctrl_c_leaves_nothing_behind(temporary):
    demo = begun()
    lines = iter(demo.stdout.readline, "")
    assert any("prefect" in line for line in lines)

    demo.send_signal(signal.SIGINT)
    told, _ = demo.communicate(timeout=60)

    assert demo.returncode == 130, told
    assert not list(temporary.iterdir())
    assert not processes_of(temporary)


@pytest.mark.skipif(sys.platform != "linux", reason="the leash is Linux's")
def test_killed_it_takes_its_servers_along(temporary):
    demo = begun()
    lines = iter(demo.stdout.readline, "")
    assert any("staging" in line for line in lines)
    assert processes_of(temporary)

    demo.kill()
    demo.communicate(timeout=15)

    deadline = time.monotonic() + 15
    # A run that is at work goes to its end by itself: on a real cloud it is the way back.
    while left := [each for each in processes_of(temporary) if "prefect.engine" not in each]:
        assert time.monotonic() < deadline, left
        time.sleep(0.2)
