"""`surefoot rollback`, as it is typed at 3 a.m."""

import json
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from commands_typed import PARENT, SUREFOOT, answered, deployed_by_hand, live, typed
from prefect_real import RealPrefect

from surefoot.rollout import Phase
from surefoot.traffic import Traffic
from tasks.store import lease, ledger, releases, rollouts

_CLIMBED_S = 60.0

# Real processes on a machine that may be busy.
pytestmark = pytest.mark.timeout(300)


@contextmanager
def fault(prefect: RealPrefect, kind: str, **fields: Any) -> Iterator[None]:
    """Arm one fault of the rehearsal while the block runs."""
    armed = httpx.post(f"{prefect.addresses['control']}/faults/{kind}", json=fields).raise_for_status()
    try:
        yield
    finally:
        httpx.delete(f"{prefect.addresses['control']}/faults/{kind}/{armed.json()['number']}")


def climbing(prefect: RealPrefect, name: str) -> str:
    """Have a rollout stand at 50 % of production; return its run."""
    steps = [{"traffic": "50%", "watch": "5m"}, {"traffic": "100%", "watch": "0s"}]
    prefect.service(name, steps=steps)
    run = prefect.start("deploy-production", service=name, release=prefect.verified(name))
    prefect.wait(run, "Suspended")
    prefect.resume(run, decision="approve", name="ana")
    deadline = time.monotonic() + _CLIMBED_S
    while sorted(live(prefect, name).values()) != [50, 50]:
        assert time.monotonic() < deadline, prefect.run(run)["state"]
        time.sleep(0.2)
    return run


def promoted(prefect: RealPrefect, name: str, before: str) -> None:
    """Write into the store that what is live was promoted here."""
    (canary,) = live(prefect, name)
    key, now = f"{name}/production", datetime.now(UTC)
    release = prefect.keep(releases.find, f"{name}/staging", prefect.verified(name)).release
    attempt = rollouts.Attempt(f"{key}/r-1", key, release, "run-1", "", Traffic.all_on(before), canary, 0, now, now)
    prefect.keep(rollouts.begin, attempt)
    prefect.keep(rollouts.end, attempt.id, Phase.PROMOTED, now, fence=0)


@pytest.mark.slow
def test_a_rollout_at_work_is_stopped_and_users_are_put_back(prefect: RealPrefect, worker: RealPrefect) -> None:
    run = climbing(prefect, "losing")
    stable = next(name for name in live(prefect, "losing") if "1-1-0" not in name)

    ran = typed(prefect, "rollback", "losing", "production", "--reason", "cart is losing items")

    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "  ✓ stopped     the rollout of losing 1.1.0, at 50 %" in ran.stdout
    assert f"  ✓ traffic     100 % on {stable}, read back" in ran.stdout
    assert "  ✓ seen        1 of 1 through the public address" in ran.stdout
    assert ran.stdout.splitlines()[-1].startswith(f"Users are on {stable} again, ")
    assert live(prefect, "losing") == {stable: 100}
    (last,) = answered(prefect, "history", "losing", "production")["rollouts"]
    assert last["phase"] == "put back"
    assert last["reason"].startswith("by ")
    assert last["reason"].endswith(": cart is losing items")

    # The run notices that it has lost its lease, and leaves everything as the operator put it.
    prefect.wait(run, "Cancelled", "NotPutBack", "PutBack", "Interfered", "Refused", within_s=60)
    assert live(prefect, "losing") == {stable: 100}
    assert prefect.keep(lease.holder_of, "losing/production") is None


@pytest.mark.slow
def test_pressed_twice_nobody_goes_back_twice(prefect: RealPrefect) -> None:
    prefect.service("twice")
    deployed_by_hand(prefect, "twice", "1.1.0")
    (second,) = live(prefect, "twice")
    deployed_by_hand(prefect, "twice", "1.0.0")
    assert answered(prefect, "rollback", "twice", "production")["to"] == {second: 100}

    again = typed(prefect, "rollback", "twice", "production")

    assert again.returncode == 5
    assert "somebody may have gone back already; to go further, name one with --to" in again.stderr
    assert live(prefect, "twice") == {second: 100}


def test_a_release_that_was_promoted_goes_back_to_what_it_replaced_and_stays_there(prefect: RealPrefect) -> None:
    prefect.service("regretted")
    before = live(prefect, "regretted")
    deployed_by_hand(prefect, "regretted", "1.1.0")
    promoted(prefect, "regretted", *before)

    first = answered(prefect, "rollback", "regretted", "production", "--reason", "slow")
    again = answered(prefect, "rollback", "regretted", "production")

    assert (first["outcome"], first["to"], first["stopped"]) == ("back", before, None)
    assert (again["outcome"], again["to"], again["from"]) == ("nothing to move", before, before)
    listed = answered(prefect, "history", "regretted")["rollouts"]
    assert [each["phase"] for each in listed] == ["put back", "promoted"]
    assert listed[0]["reason"].endswith(": slow")
    assert answered(prefect, "plan", "regretted", "production")["refused"] is None


def test_with_the_store_down_users_are_put_back_all_the_same(prefect: RealPrefect, tmp_path: Path) -> None:
    store = tmp_path / "store.db"
    store.write_text("this is no database at all, and that is the point of it " * 20)
    prefect.service("unkept-back")
    before = live(prefect, "unkept-back")
    deployed_by_hand(prefect, "unkept-back", "1.1.0")

    ran = typed(prefect, "rollback", "unkept-back", "production", SUREFOOT_STORE=str(store))

    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "  ! store " in ran.stdout
    assert "is not in the ledger" in " ".join(ran.stdout.split())
    assert live(prefect, "unkept-back") == before


@pytest.mark.slow
def test_with_slack_down_the_notice_is_kept_and_that_is_said(prefect: RealPrefect) -> None:
    prefect.service("unheard")
    (before,) = live(prefect, "unheard")
    deployed_by_hand(prefect, "unheard", "1.1.0")
    promoted(prefect, "unheard", before)
    file = prefect.services / "unheard.yaml"
    document = json.loads(file.read_text())
    document["environments"]["production"]["notices"]["slack"]["api_url"] = "http://127.0.0.1:9/api/"
    file.write_text(json.dumps(document))

    ran = typed(prefect, "rollback", "unheard", "production")

    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "  ! slack " in ran.stdout
    assert "the notice is kept and will be sent" in " ".join(ran.stdout.split())
    assert "wait in the outbox" not in ran.stderr


@pytest.mark.slow
def test_a_way_back_that_fails_is_the_headline_and_names_what_to_type_by_hand(prefect: RealPrefect) -> None:
    prefect.service("stuck")
    (before,) = live(prefect, "stuck")
    deployed_by_hand(prefect, "stuck", "1.1.0")
    aim = {"method": "UpdateService", "resource": f"{PARENT}/services/stuck"}
    with fault(prefect, "api", code="PERMISSION_DENIED", times=20, **aim):
        ran = typed(prefect, "rollback", "stuck", "production")
        document = answered(prefect, "rollback", "stuck", "production")

    assert ran.returncode == 1
    assert ran.stdout == ""
    assert ran.stderr.startswith("NOT put back: stuck in production\n")
    assert "PERMISSION_DENIED" in ran.stderr
    command = f"gcloud run services update-traffic stuck --to-revisions={before}=100"
    assert f"Do this now, from an account that may:\n  {command}" in ran.stderr
    assert (document["outcome"], document["exit_code"]) == ("not put back", 1)
    assert document["command"].startswith(command)
    assert prefect.keep(lease.holder_of, "stuck/production") is None


def test_a_cloud_out_of_reach_is_no_way_back_either(prefect: RealPrefect) -> None:
    prefect.service("gone")
    aim = {"method": "GetService", "resource": f"{PARENT}/services/gone"}
    with fault(prefect, "api", code="PERMISSION_DENIED", times=20, **aim):
        ran = typed(prefect, "rollback", "gone", "production")
    assert ran.returncode == 1
    assert "gone/production cannot be looked at" in " ".join(ran.stderr.split())


@pytest.mark.slow
def test_somebody_who_writes_at_the_same_moment_is_written_over(prefect: RealPrefect) -> None:
    prefect.service("raced")
    before = live(prefect, "raced")
    deployed_by_hand(prefect, "raced", "1.1.0")
    aim = {"method": "UpdateService", "resource": f"{PARENT}/services/raced"}
    with fault(prefect, "api", writer="eve@example.com", times=1, **aim):
        document = answered(prefect, "rollback", "raced", "production")
    assert document["to"] == before
    assert live(prefect, "raced") == before


def test_where_nothing_older_is_ready_there_is_no_way_back_and_the_place_is_free_again(prefect: RealPrefect) -> None:
    prefect.service("only")
    ran = typed(prefect, "rollback", "only", "production")
    assert ran.returncode == 5
    assert "there is no older revision that is ready; name one with --to" in ran.stderr
    assert prefect.keep(lease.holder_of, "only/production") is None


@pytest.mark.slow
def test_ctrl_c_does_not_come_between_users_and_the_ledger(prefect: RealPrefect) -> None:
    prefect.service("interrupted")
    (before,) = live(prefect, "interrupted")
    deployed_by_hand(prefect, "interrupted", "1.1.0")
    promoted(prefect, "interrupted", before)
    aim = {"method": "UpdateService", "resource": f"{PARENT}/services/interrupted"}
    with fault(prefect, "api", delay_s=3.0, **aim):
        process = subprocess.Popen(
            [SUREFOOT, "rollback", "interrupted", "production"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=prefect.environ,
            cwd=prefect.home,
        )
        deadline = time.monotonic() + 30
        while prefect.keep(lease.holder_of, "interrupted/production") is None:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)

    assert process.returncode == 0, out + err
    assert "Going back goes on" in err
    assert live(prefect, "interrupted") == {before: 100}
    assert [each.phase for each in prefect.keep(rollouts.history, "interrupted/production")] == ["put back", "promoted"]


def test_an_empty_name_is_no_name(prefect: RealPrefect) -> None:
    prefect.service("unnamed")
    ran = typed(prefect, "rollback", "unnamed", "production", "--to", "", "--yes")
    assert (ran.returncode, ran.stderr) == (2, "--to: empty; name a revision, or leave it out\n")


@pytest.mark.parametrize(("words", "code"), [((), 2), (("--yes",), 0)])
def test_a_revision_of_ones_own_choice_needs_a_yes(prefect: RealPrefect, words: tuple[str, ...], code: int) -> None:
    name = f"chosen-{len(words)}"
    prefect.service(name)
    (first,) = live(prefect, name)
    deployed_by_hand(prefect, name, "1.1.0")
    ran = typed(prefect, "rollback", name, "production", "--to", first, *words)
    assert ran.returncode == code, ran.stdout + ran.stderr
    assert (first in live(prefect, name)) is (code == 0)
    if code:
        assert "say --yes if it is meant" in ran.stderr


@pytest.mark.slow
def test_what_a_person_did_is_in_the_ledger(prefect: RealPrefect) -> None:
    prefect.service("written")
    deployed_by_hand(prefect, "written", "1.1.0")
    assert typed(prefect, "rollback", "written", "production", "--reason", "slow").returncode == 0
    entries = prefect.keep(ledger.of_rollout, "written/production/rollback/1")
    assert [entry.kind for entry in entries] == ["rolled back by a person"]
    assert entries[0].fields["reason"] == "slow"
    assert prefect.keep(rollouts.history, "written/production") == []
