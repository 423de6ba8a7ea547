"""What is said and kept when Surefoot itself is at fault: no traceback on the screen, no secret in the report."""

import platform
import sys
import tempfile
import traceback
from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path
from urllib.parse import quote

from tasks.settings.secrets import mask


def explain(problem: BaseException, argv: Sequence[str], now: datetime, folder: Path | None = None) -> str:
    """Write a report about a bug, and return what to say about it."""
    text = report(problem, argv, now)
    mishap = sha256(text.encode()).hexdigest()[:8]
    lines = [f"This is a bug in Surefoot: {type(problem).__name__}: {mask(str(problem)) or 'no message'}"]
    try:
        file = Path(folder or tempfile.gettempdir()) / f"surefoot-{mishap}.txt"
        file.touch(mode=0o600)
        file.write_text(text, "utf-8")
        lines.append(f"  report  {file} (secrets are blotted out; read it before you send it)")
    except OSError as refused:
        lines.append(f"  report  could not be written: {refused}")
    if tracker := _tracker():
        lines.append(f"  tell us {tracker}/new?title={quote(f'{type(problem).__name__} ({mishap})')}")
    lines.append("  more    the same command after surefoot -vv shows where it happened")
    return "\n".join(lines)


def report(problem: BaseException, argv: Sequence[str], now: datetime) -> str:
    """Return what is needed to find the bug: command, versions, traceback; nothing of the environment."""
    trace = "".join(traceback.format_exception(problem))
    head = (
        f"surefoot {version()}, Python {platform.python_version()}, {sys.platform}",
        f"at {now.isoformat(timespec='seconds')}",
        f"surefoot {' '.join(argv)}",
    )
    return mask("\n".join((*head, "", trace)))


def version() -> str:
    """Return the version that is installed."""
    try:
        return metadata("surefoot")["Version"]
    except PackageNotFoundError:
        return "(not installed)"


def _tracker() -> str:
    try:
        urls = metadata("surefoot").get_all("Project-URL") or []
    except PackageNotFoundError:
        return ""
    named = dict(url.split(", ", 1) for url in urls)
    return str(named.get("Issues", "")).rstrip("/")
