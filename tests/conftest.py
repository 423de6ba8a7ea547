"""What every test stands on: nobody's own settings, real parts that have to be there in CI, and shared fixtures."""

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

# Before anything imports prefect, which reads these once: no profile, server or telemetry of whoever runs the tests.
for _name in [name for name in os.environ if name.startswith(("PREFECT_", "SUREFOOT_"))]:
    del os.environ[_name]
_PREFECT_HOME = tempfile.mkdtemp(prefix="surefoot-tests-")
os.environ |= {"PREFECT_HOME": _PREFECT_HOME, "PREFECT_SERVER_ANALYTICS_ENABLED": "false", "DO_NOT_TRACK": "1"}

from prefect_real import prefect, within, worker  # noqa: E402  each is described where it is defined

__all__ = ["prefect", "within", "worker"]

Require = Callable[..., Path]


def pytest_sessionfinish() -> None:
    shutil.rmtree(_PREFECT_HOME, ignore_errors=True)


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
