"""`surefoot doctor`, as it is typed: a table, a document, an exit code, and no secret in any of them."""

import json
import re

import pytest
from commands_typed import answered, live, typed
from prefect_real import RealPrefect

from commands.doctor import lines
from commands.examine_prefect import worker
from commands.server import server
from commands.terminal import Terminal
from surefoot.rollout import Plan, Step
from surefoot.service import Environment, Place
from tasks.doctor.finding import blind, ill, well

# Real processes on a machine that may be busy.
pytestmark = pytest.mark.timeout(300)

WHERE = Environment("shop", "production", Place("cloud_run"), Plan((Step(100, 0.0),)))


def test_a_row_each_and_below_what_is_not_well_what_mends_it_on_a_line_of_its_own() -> None:
    mend = f"gcloud run services add-iam-policy-binding shop --member={'x' * 60}"
    findings = [well("service", "100 % on a"), ill("writes", "denied: b", mend), blind("releases", "not known", "look")]
    assert list(lines(WHERE, findings, Terminal())) == [
        "shop/production",
        "  ✓ service     100 % on a",
        "  ✗ writes      denied: b",
        f"                {mend}",
        "  ! releases    not known",
        "                look",
        "",
        "1 ok, 1 not ok, 1 could not be looked at. Nothing was changed.",
    ]


@pytest.mark.usefixtures("worker")
def test_prefect_is_looked_at_with_its_worker_deployments_and_watchdog(prefect: RealPrefect) -> None:
    prefect.service("examined")
    before = live(prefect, "examined")
    document = answered(prefect, "doctor", "examined", "production")
    found = {each["subject"]: each for each in document["findings"]}

    assert [name for name, each in found.items() if each["outcome"] != "ok"] == ["watchdog"]
    assert document["exit_code"] == 1
    assert found["prefect"]["seen"] == f"{prefect.environ['PREFECT_API_URL']}/ answers, version 3.8.8"
    # A worker that another test has killed counts until the server misses it.
    assert re.fullmatch(r"[1-9]\d* online in the work pool surefoot", found["worker"]["seen"])
    assert found["deployments"]["seen"] == "deploy-staging, deploy-production, rollback, watchdog"
    assert found["watchdog"]["seen"].startswith("its schedule is off; it ")
    mended = prefect.http.post(found["watchdog"]["mend"].removeprefix("prefect api POST "))
    prefect.http.post(str(mended.request.url).replace("/resume_", "/pause_")).raise_for_status()
    assert mended.is_success
    assert prefect.environ["REHEARSAL_SLACK_TOKEN"] not in json.dumps(document)
    assert live(prefect, "examined") == before


@pytest.mark.slow
def test_a_server_that_is_not_there_and_a_store_that_is_out_of_reach_are_not_well_and_no_password_is_shown(
    prefect: RealPrefect,
) -> None:
    prefect.service("unwell")
    away = {
        "PREFECT_API_URL": "http://127.0.0.1:9/api",
        "SUREFOOT_STORE": "postgresql://ana:geheim@127.0.0.1:9/surefoot",
    }
    ran = typed(prefect, "doctor", "unwell", "production", **away)

    assert ran.returncode == 1
    assert "✗ prefect     the Prefect server http://127.0.0.1:9/api does not answer" in ran.stdout
    assert "start one with surefoot up, or name yours with PREFECT_API_URL" in ran.stdout
    assert "✗ store       the store" in ran.stdout
    assert "the store postgresql+psycopg://****@127.0.0.1:9/surefoot could not be used" in " ".join(ran.stdout.split())
    assert "✓ service     100 % on unwell-00001-" in ran.stdout
    for secret in ("geheim", prefect.environ["REHEARSAL_SLACK_TOKEN"]):
        assert secret not in ran.stdout + ran.stderr


@pytest.mark.anyio
async def test_without_a_worker_runs_would_wait(prefect: RealPrefect, within: RealPrefect) -> None:
    prefect.http.post("/work_pools/", json={"name": "idle", "type": "process"}).raise_for_status()
    async with server() as client:
        idle, none = await worker(client, "idle"), await worker(client, "nothing-here")

    assert (idle.well, idle.seen) == (False, "none is online in the work pool idle: runs would wait")
    assert (none.well, none.seen) == (False, "there is no work pool nothing-here")
    assert idle.mend == none.mend == "surefoot up"


@pytest.mark.parametrize(
    ("words", "said"),
    [(("mistaken", "nowhere"), "has no environment 'nowhere'"), (("nobody", "production"), "no service 'nobody'")],
)
def test_what_is_not_there_to_be_looked_at_is_bad_input(
    prefect: RealPrefect, words: tuple[str, str], said: str
) -> None:
    prefect.service("mistaken")
    ran = typed(prefect, "doctor", *words)
    assert (ran.returncode, said in ran.stderr) == (2, True)
