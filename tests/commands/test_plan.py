"""`surefoot plan`, as it is typed: it changes nothing, whatever it says."""

from pathlib import Path

import pytest
from commands_typed import answered, both_places, image, live, typed
from prefect_real import RealPrefect

# Real processes on a machine that may be busy.
pytestmark = pytest.mark.timeout(300)


def test_plan_prints_what_would_be_done_the_reads_and_the_way_back_and_changes_nothing(prefect: RealPrefect) -> None:
    prefect.service("planned", approvers=["ana"])
    before = live(prefect, "planned")
    ran = typed(prefect, "plan", "planned", "production")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    (stable,) = before
    assert f"    way back    100 % on {stable}, ready" in ran.stdout
    assert f"gcloud run services update-traffic planned --to-revisions={stable}=100" in ran.stdout
    assert "GetService projects/rehearsal/locations/laptop/services/planned" in ran.stdout
    assert ran.stdout.splitlines()[-1].startswith("Plan: 1 revision to add, traffic to move in 1 step")
    assert live(prefect, "planned") == before


def test_plan_shows_the_hash_that_a_yes_will_be_bound_to(prefect: RealPrefect) -> None:
    prefect.service("hashed", approvers=["ana"])
    release = prefect.verified("hashed")
    planned = answered(prefect, "plan", "hashed", "production", "--image", "registry.rehearsal/shop:1.1.0")
    run = prefect.start("deploy-production", service="hashed", release=release)
    asked = answered(prefect, "plan", "hashed", "production", "--image", image("1.1.0"))
    assert planned["plan_hash"] == asked["plan_hash"]
    assert len(planned["plan_hash"]) == 64
    assert planned["release"] == release
    assert planned["revision"].startswith("hashed-1-1-0-4e1c9aa-")
    prefect.cancel(run)


def test_plan_of_what_staging_has_not_verified_says_it_would_be_refused(prefect: RealPrefect) -> None:
    prefect.service("unproven")
    document = answered(prefect, "plan", "unproven", "production", "--image", image("1.1.0"))
    assert document["refused"].startswith("staging has not verified it; surefoot deploy unproven staging --image")
    assert document["exit_code"] == 5
    assert document["plan_hash"] is None


@pytest.mark.slow
def test_plan_of_an_image_that_is_not_there_says_it_would_be_refused(prefect: RealPrefect) -> None:
    both_places(prefect, "imageless")
    gone = f"registry.rehearsal/shop@sha256:{'f' * 64}"
    document = answered(prefect, "plan", "imageless", "staging", "--image", gone)
    assert document["refused"].startswith(f"{gone} is not there, though registry.rehearsal/shop is")
    assert document["exit_code"] == 5


@pytest.mark.slow
def test_cloud_run_does_nothing_by_itself_and_nothing_is_promised(prefect: RealPrefect) -> None:
    prefect.service("unpromised")
    assert answered(prefect, "plan", "unpromised", "production")["promises"] == []
    assert "by itself" not in typed(prefect, "plan", "unpromised", "production").stdout


@pytest.mark.slow
def test_looking_makes_no_store(prefect: RealPrefect, tmp_path: Path) -> None:
    prefect.service("unkept")
    store = {"SUREFOOT_STORE": str(tmp_path / "store.db")}
    assert typed(prefect, "plan", "unkept", "production", **store).returncode == 0
    assert typed(prefect, "history", **store).stdout == "Nothing was released here yet.\n"
    assert typed(prefect, "watch", "unkept", "production", **store).stdout.startswith("Nothing was ever released to")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_what_would_be_seen_at_another_traffic_can_be_asked(prefect: RealPrefect) -> None:
    prefect.service("whatif")
    document = answered(prefect, "plan", "whatif", "production", "--traffic", "600/m", "--errors", "0.5%")
    assert document["traffic"] == {"known": "as typed", "requests_per_second": 10.0, "error_rate": 0.005}
    wrong = typed(prefect, "plan", "whatif", "production", "--traffic", "ten")
    assert wrong.returncode == 2
    assert "'ten' is not a rate of requests; write 10/s, 600/m or 36000/h" in wrong.stderr
    assert typed(prefect, "plan", "whatif", "production", "--errors", "half").returncode == 2
