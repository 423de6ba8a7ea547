"""What every test stands on: nobody's own settings, real parts that have to be there in CI, and shared fixtures."""

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# How long one example takes, or takes to be drawn, says something of the machine, and nothing of the code.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")

# Before anything imports prefect, which reads these once: no profile, server or telemetry of whoever runs the tests.
for _name in [name for name in os.environ if name.startswith(("PREFECT_", "SUREFOOT_"))]:
    del os.environ[_name]
_PREFECT_HOME = tempfile.mkdtemp(prefix="surefoot-tests-")
# Every rehearsal leaves here what it was asked for; the first process makes the folder, xdist's workers are told of it.
_OURS = "REHEARSAL_JOURNAL" not in os.environ
_JOURNAL = os.environ.get("REHEARSAL_JOURNAL") or tempfile.mkdtemp(prefix="surefoot-journal-")
os.environ["REHEARSAL_JOURNAL"] = _JOURNAL
os.environ |= {"PREFECT_HOME": _PREFECT_HOME, "PREFECT_SERVER_ANALYTICS_ENABLED": "false", "DO_NOT_TRACK": "1"}

from permitted import is_whole, unlike_permissions  # noqa: E402
from prefect_real import prefect, within, worker  # noqa: E402  each is described where it is defined

__all__ = ["prefect", "within", "worker"]

Require = Callable[..., Path]


def pytest_sessionfinish(session: pytest.Session) -> None:
    shutil.rmtree(_PREFECT_HOME, ignore_errors=True)
    if hasattr(session.config, "workerinput"):
        return
    if is_whole(session.config) and (problem := unlike_permissions(Path(_JOURNAL))):
        session.config.get_terminal_writer().line(f"\nPERMISSIONS {problem}", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
    if _OURS:
        shutil.rmtree(_JOURNAL, ignore_errors=True)


@pytest.fixture(scope="session")
def require() -> Require:
    """Return a way to ask for a real part: its path, or a skipped test; in CI a missing part fails."""
    return _require


def _require(binary: str, package: str = "") -> Path:
    found = shutil.which(binary) or shutil.which(binary, path="/usr/sbin:/sbin")
    if found is None:
        message = f"{binary} is not installed: apt-get install {package or binary}"
        if os.environ.get("CI") == "true":
            pytest.fail(f"CI has to have every part. {message}")
        pytest.skip(message)
    return Path(found)
