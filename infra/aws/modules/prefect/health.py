"""Whether a process with these words in its command runs: `surefoot up` goes on when the worker below it has ended."""

# ruff: noqa: INP001  its text is what the container runs
import os
import sys
from pathlib import Path

SOUGHT = b"\0".join(word.encode() for word in sys.argv[1:])


def command(process: Path) -> bytes:
    """Return a process's command, its words apart; empty where it has just ended."""
    try:
        return (process / "cmdline").read_bytes()
    except OSError:
        return b""


others = (found for found in Path("/proc").iterdir() if found.name.isdigit() and int(found.name) != os.getpid())
sys.exit(not any(SOUGHT in command(process) for process in others))
