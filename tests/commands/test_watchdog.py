"""`surefoot watchdog`, as it is typed."""

from datetime import UTC, datetime, timedelta

import pytest
from commands_typed import answered, image, live, typed
from prefect_real import RealPrefect

from surefoot.release import Image, Release
from surefoot.traffic import Traffic
from tasks.store import lease, rollouts

# Real processes on a machine that may be busy.
pytestmark = pytest.mark.timeout(300)


def deserted(prefect: RealPrefect, name: str) -> str:
    """Leave a rollout whose owner died before its first write; return what users are on."""
    prefect.service(name)
    (before,) = live(prefect, name)
    key, then = f"{name}/production", datetime.now(UTC) - timedelta(minutes=5)
    release = Release(name, Image.parse(image("1.1.0")), "1.1.0", "4e1c9aa")
    attempt = rollouts.Attempt(f"{key}/r-1", key, release, "run-1", "", Traffic.all_on(before), "c", 1, then, then)
    prefect.keep(lease.acquire, key, "run-1", then, ttl_s=30)
    prefect.keep(rollouts.begin, attempt)
    return before


@pytest.mark.slow
def test_what_a_dead_run_left_behind_is_put_back_and_said(prefect: RealPrefect) -> None:
    before = deserted(prefect, "deserted")
    only = {"SUREFOOT_SERVICES": str(prefect.services / "deserted.yaml")}
    document = answered(prefect, "watchdog", **only)

    (done,) = [each for each in document["done"] if "deserted 1.1.0" in each]
    assert done == "deserted 1.1.0 was put back in production: its run died at 0 %"
    assert live(prefect, "deserted") == {before: 100}
    again = typed(prefect, "watchdog", **only)
    assert "deserted 1.1.0" not in again.stdout


def test_what_cannot_be_looked_at_is_said_with_its_sign_and_the_exit_code(prefect: RealPrefect) -> None:
    prefect.service("half-there")
    ran = typed(prefect, "watchdog", SUREFOOT_SERVICES=str(prefect.services / "half-there.yaml"))
    assert ran.returncode == 1
    assert ran.stdout.startswith("  ! not seen    ")
    assert "half-there-st" in ran.stdout


@pytest.mark.slow
def test_without_prefect_what_a_dead_run_left_is_put_back_all_the_same(prefect: RealPrefect) -> None:
    before = deserted(prefect, "alone-there")
    only = {"SUREFOOT_SERVICES": str(prefect.services / "alone-there.yaml")}
    document = answered(prefect, "watchdog", PREFECT_API_URL="http://127.0.0.1:9/api", **only)
    assert "alone-there 1.1.0 was put back in production: its run died at 0 %" in document["done"]
    assert live(prefect, "alone-there") == {before: 100}
