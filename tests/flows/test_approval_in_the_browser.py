"""The approval as a person meets it: a real Chromium on Prefect's page, and a real worker that goes on afterwards."""

import io
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Locator, Page, expect, sync_playwright
from prefect_real import RealPrefect

from surefoot.release import Commit
from tasks.store import approvals

pytestmark = [pytest.mark.real, pytest.mark.timeout(240)]
_QUIET = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync", "--no-first-run")
# A first page of Prefect's is many files; a busy machine needs its time.
_PATIENCE_MS = 30_000
_TRIES = 3
_PLAN = {
    "steps": [{"traffic": "25%", "watch": "1s"}, {"traffic": "100%", "watch": "0s"}],
    "compare": "1s",
    "look": "1s",
    "probes_per_second": 100,
    "patience": "30s",
    "harm": {"error_rate": "15%", "latency": "100%"},
}
_COMMITS = (
    Commit("4e1c9aa0aaaa", "Cart keeps its order", "Ana"),
    Commit("77ab01c3bbbb", "Prices are read once a request", "Ben"),
    Commit("9d20e71fcccc", "Tidy | <b>product</b> page", "Ana"),
)


@pytest.fixture
def page(require, tmp_path: Path) -> Iterator[Page]:
    """Open a browser with nothing in it."""
    chromium = require("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch_persistent_context(
            tmp_path / "profile",
            executable_path=chromium,
            args=[*_QUIET, "--disable-component-update"],
            viewport={"width": 1280, "height": 1840},
        )
        browser.set_default_timeout(_PATIENCE_MS)
        expect.set_options(timeout=_PATIENCE_MS)
        yield browser.pages[0]
        browser.close()


@pytest.mark.slow
def test_a_person_reads_decides_and_sees_production_move_although_everything_was_restarted(
    prefect: RealPrefect, worker: RealPrefect, page: Page
):
    prefect.service("shop", approvers=["ana", "ben"], **_PLAN)
    release = prefect.verified("shop", commits=_COMMITS)
    run = prefect.start("deploy-production", service="shop", release=release)
    prefect.wait(run, "Suspended")
    prefect.stop("worker")
    prefect.kill_server()
    prefect.start_server()
    prefect.start_worker()
    assert prefect.state(run) == "Suspended"

    page.goto(f"{prefect.url}/runs/flow-run/{run}")
    page.get_by_role("button", name="Resume").click()
    form = page.locator(".p-modal")
    _shows_all_that_is_needed(form)
    _keep(page, "approval", 1840)

    submit, (name, comment) = form.get_by_role("button", name="Submit"), form.locator("textarea").all()
    submit.click()
    expect(form.get_by_text("'decision' is a required property")).to_be_visible()
    expect(form.get_by_text("'name' is a required property")).to_be_visible()
    _choose(form, "approve")
    name.fill("a")
    submit.click()
    expect(
        page.get_by_text("Validation failed for field 'name'. Failure reason: 'a' is too short").first
    ).to_be_visible()
    assert prefect.state(run) == "Suspended"

    # Prefect's page makes its form anew when it asks the server again: what was typed before that is typed once more.
    for _ in range(_TRIES):
        name.fill("ana")
        comment.fill("seen in staging")
        submit.click()
        with suppress(AssertionError):
            expect(form).to_be_hidden(timeout=_PATIENCE_MS / _TRIES)
            break
        _choose(form, "approve")
    expect(form).to_be_hidden()
    expect(page.get_by_text("Done", exact=True).first).to_be_visible(timeout=60_000)
    _keep(page, "run", 820)
    (question,) = prefect.keep(approvals.of_run, run)
    assert (question.state, question.by, question.comment) == ("spent", "ana", "seen in staging")


def _shows_all_that_is_needed(form: Locator) -> None:
    expect(form.get_by_role("heading", name="shop 1.1.0 to production?")).to_be_visible()
    expect(form.locator("table").first).to_contain_text("4e1c9aa0aaaa")
    expect(form.locator("ol > li")).to_have_count(4)
    expect(form.locator("ol")).to_contain_text("25 %, watched for 1s")
    for said in (
        "gcloud run services update-traffic shop",
        "3 commits",
        "Tidy | <b>product</b> page · Ana",
        "smoke, preview",
    ):
        expect(form).to_contain_text(said)
    picture = form.locator("img")
    expect(picture).to_be_visible()
    assert picture.evaluate("image => image.decode().then(() => image.naturalWidth)") > 300


def _choose(form: Locator, decision: str) -> None:
    """Pick from Prefect's own select as its users do by keyboard."""
    select = form.locator(".p-select-button__control").first
    select.focus()
    select.press("ArrowDown")
    form.page.get_by_role("option", name=decision).or_(form.page.get_by_text(decision, exact=True)).first.click()
    expect(select).to_contain_text(decision)


def _keep(page: Page, name: str, height: int) -> None:
    """Take the README's picture where PICTURES names a folder; few colours are enough for it."""
    folder = os.environ.get("PICTURES")
    if not folder:
        return
    page.wait_for_timeout(1500)  # a dialogue fades in
    picture = Image.open(io.BytesIO(page.screenshot(clip={"x": 0, "y": 0, "width": 1280, "height": height})))
    picture.convert("P", palette=Image.Palette.ADAPTIVE, colors=64).save(Path(folder, f"{name}.png"), optimize=True)
