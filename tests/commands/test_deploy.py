"""`surefoot deploy` and `surefoot watch`, as they are typed."""

import json
import subprocess
from collections.abc import Sequence

import pytest
from commands_typed import SUREFOOT, answered, both_places, image, typed
from prefect_real import RealPrefect

# Real processes on a machine that may be busy.
pytestmark = pytest.mark.timeout(300)


@pytest.mark.slow
def test_a_release_goes_to_staging_and_is_told_line_by_line(prefect: RealPrefect, worker: RealPrefect) -> None:
    both_places(prefect, "shipped", ["ana"])
    words = ("--image", image("1.1.0"), "--commit", "4e1c9aa0aaaa", "--version", "1.1.0", "--title", "Cart")
    ran = typed(prefect, "deploy", "shipped", "staging", *words)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert ran.stdout.startswith("shipped 1.1.0 is live in staging, ")
    told = [line.split()[2] for line in ran.stderr.splitlines() if "Z shipped/staging " in line]
    assert told[:3] == ["begins", "staged", "smoke"]
    assert told[-1] == "ended"
    assert "Next  surefoot history shipped staging" in ran.stderr

    # Production was asked for by itself: a second deploy finds that question instead of asking again.
    waits = answered(prefect, "deploy", "shipped", "production", "--image", image("1.1.0"))
    assert (waits["outcome"], waits["exit_code"]) == ("Waiting", 4)
    again = answered(prefect, "deploy", "shipped", "production", "--image", image("1.1.0"))
    assert again["run"] == waits["run"]

    assert prefect.resume(waits["run"], decision="approve", name="ana")[0] == "ACCEPT"
    watched = answered(prefect, "watch", "shipped", "production")
    assert (watched["outcome"], watched["reached_percent"]) == ("Done", 100)
    assert watched["rollout"]
    listed = answered(prefect, "history", "shipped")["rollouts"]
    assert [(each["environment"], each["phase"], each["by"]) for each in listed] == [
        ("production", "promoted", "ana"),
        ("staging", "promoted", None),
    ]
    (place,) = answered(prefect, "status", "shipped", "production")["places"]
    assert (place["phase"], place["percent"], place["version"]) == ("promoted", 100, "1.1.0")


@pytest.mark.slow
def test_of_an_image_that_staging_has_had_the_commit_is_known(prefect: RealPrefect) -> None:
    prefect.service("known")
    prefect.verified("known")
    ran = typed(prefect, "deploy", "known", "staging", "--image", "registry.rehearsal/shop:1.1.0", "--detach", "--json")
    assert f"registry.rehearsal/shop:1.1.0 is {image('1.1.0')}" in ran.stderr
    detached = json.loads(ran.stdout)
    assert (detached["outcome"], detached["exit_code"]) == ("Asked", 0)
    run = prefect.run(detached["run"])
    prefect.cancel(detached["run"])
    assert run["parameters"]["commit"] == "4e1c9aa0aaaa"
    assert run["parameters"]["image"] == image("1.1.0")
    assert {"service:known", "env:staging", "release:1.1.0"} <= set(run["tags"])


@pytest.mark.slow
@pytest.mark.anyio
async def test_a_release_that_never_starts_is_put_back_and_the_exit_code_says_so(
    prefect: RealPrefect, within: RealPrefect
) -> None:
    both_places(prefect, "broken")
    words = ("--image", image("1.2.0-crash"), "--commit", "bad0bad")
    asked = answered(prefect, "deploy", "broken", "staging", *words, "--detach")
    assert await prefect.execute(asked["run"]) == "PutBack"
    ran = typed(prefect, "watch", "broken", "staging")
    assert ran.returncode == 3, ran.stdout + ran.stderr
    assert "Put back: broken bad0bad in staging. No user has seen it; they are on broken-st-" in ran.stdout
    assert "never became ready" in ran.stdout
    assert "staged    failed: " in ran.stdout


@pytest.mark.anyio
async def test_a_no_is_refused_with_its_reason(prefect: RealPrefect, within: RealPrefect) -> None:
    prefect.service("declined", approvers=["ana"])
    prefect.verified("declined")
    asked = answered(prefect, "deploy", "declined", "production", "--image", image("1.1.0"), "--detach")
    await prefect.execute(asked["run"])
    prefect.resume(asked["run"], decision="reject", name="ana", comment="not on a Friday")
    assert await prefect.execute(asked["run"]) == "NotApproved"
    ran = typed(prefect, "watch", "declined", "production")
    assert ran.returncode == 5
    assert ran.stdout.splitlines()[-2] == "Not approved, nothing was changed: declined 1.1.0 in production"
    assert "not on a Friday" in ran.stdout.splitlines()[-1]


def test_production_is_refused_what_staging_has_not_verified_with_what_to_do(prefect: RealPrefect) -> None:
    prefect.service("skipped", approvers=["ana"])
    ran = typed(prefect, "deploy", "skipped", "production", "--image", image("1.1.0"))
    assert ran.returncode == 5
    assert "was never asked for in staging. Deploy it there first" in ran.stderr
    assert f"surefoot deploy skipped staging --image {image('1.1.0')}" in ran.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["staging", "--image", "shop"], "--image: 'shop' has neither tag nor digest"),
        (
            ["staging", "--image", "registry.rehearsal/shop:1.1.1"],
            "--image: registry.rehearsal/shop:1.1.1 is not there",
        ),
        (["staging", "--image", image("1.1.0"), "--commit", "x y; rm"], "--commit: 'x y; rm' is not a commit's hash"),
        (["staging", "--image", image("1.1.0")], "--commit: staging was never asked for this image"),
        (["production", "--image", image("1.1.0")], "there is no terminal to ask at; say --yes"),
        (["nowhere", "--image", image("1.1.0")], "has no environment 'nowhere'"),
        (["staging"], "--image"),
    ],
)
def test_what_cannot_be_asked_for_is_bad_input(prefect: RealPrefect, words: Sequence[str], said: str) -> None:
    prefect.service("mistyped")
    file = prefect.services / "mistyped.yaml"
    document = json.loads(file.read_text())
    del document["environments"]["production"]["approval"]
    file.write_text(json.dumps(document))
    ran = typed(prefect, "deploy", "mistyped", *words)
    assert ran.returncode == 2, ran.stdout + ran.stderr
    assert said in ran.stderr


@pytest.mark.slow
def test_without_prefect_deploy_says_what_to_start(prefect: RealPrefect) -> None:
    prefect.service("alone", approvers=["ana"])
    words = ("deploy", "alone", "staging", "--image", image("1.1.0"), "--commit", "4e1c9aa")
    ran = typed(prefect, *words, PREFECT_API_URL="http://127.0.0.1:9/api")
    assert ran.returncode == 1
    assert "the Prefect server http://127.0.0.1:9/api does not answer" in ran.stderr
    assert "surefoot up" in ran.stderr
    assert "Traceback" not in ran.stderr


@pytest.mark.slow
def test_ctrl_c_stops_watching_and_not_the_rollout(prefect: RealPrefect) -> None:
    prefect.service("left", approvers=["ana"])
    prefect.verified("left")
    process = subprocess.Popen(
        [SUREFOOT, "deploy", "left", "production", "--image", image("1.1.0")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=prefect.environ,
        cwd=prefect.home,
    )
    assert process.stderr is not None
    first = process.stderr.readline()
    run = first.rstrip().rpartition("/")[2]
    process.send_signal(2)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "Stopped watching; the rollout goes on. surefoot watch left production" in err
    assert prefect.state(run) == "Scheduled"
    prefect.cancel(run)
