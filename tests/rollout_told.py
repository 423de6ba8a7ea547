"""A rollout to tell of, as the store would have it: entry by entry, so that each test stops where it wants."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from commands.story import RunState, Story
from surefoot.release import Image, Release
from surefoot.rollout import Phase
from surefoot.service import Environment
from surefoot.traffic import Traffic
from tasks.settings import load_service
from tasks.store.approvals import ApprovalRecord, ApprovalState
from tasks.store.ledger import Entry
from tasks.store.rollouts import Attempt

SHOP = Path(__file__).parents[1] / "infra/services/shop.yaml"
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
STABLE, CANARY = "shop-1-8-2-77ab01c", "shop-1-9-0-4e1c9aa"
RELEASE = Release(
    "shop", Image("europe/shop", "sha256:" + "9f" * 32), "1.9.0", "4e1c9aa0", "Cart keeps its order"
)  # fmt: skip
RUN = "0193-7c2e"
URL = f"http://127.0.0.1:4200/runs/flow-run/{RUN}"


def production() -> Environment:
    return load_service(SHOP).environments["production"]


def side(requests: int, errors: int, p95: float, blind: str = "") -> dict[str, Any]:
    counts = [[p95 - 100, requests - requests // 20 - 1], [p95, requests // 20 + 1]] if requests else []
    return {
        "requests": requests,
        "errors": errors,
        "latency_ms": {"counts": counts},
        "seconds": 30.0,
        "examples": [],
        "blind": blind,
    }


class Telling:
    """A story that grows: every method adds what the ledger would get, a moment later."""

    def __init__(self, environment: Environment | None = None) -> None:
        self.at = NOON
        self.story = Story(environment or production(), RUN, URL, RELEASE, NOON)

    def after(self, seconds: float) -> "Telling":
        self.at += timedelta(seconds=seconds)
        return self

    def entry(self, kind: str, action: str = "", **fields: Any) -> "Telling":
        number = len(self.story.entries) + 1
        new = Entry(number, self.at, kind, "shop/production", "r-1", action, fields, "")
        self.story = replace(self.story, entries=(*self.story.entries, new))
        return self

    def state(self, name: str, kind: str = "RUNNING", message: str = "") -> "Telling":
        self.story = replace(self.story, state=RunState(name, kind, message))
        return self

    def question(self, state: ApprovalState, by: str = "", comment: str = "") -> "Telling":
        record = ApprovalRecord(
            "q-1", "shop/production", RELEASE.id, RUN, URL, "a41f02c9" * 8, {}, state, NOON,
            NOON + timedelta(days=3), by, comment, self.at,
        )  # fmt: skip
        self.story = replace(self.story, approval=record)
        return self

    def begun(self) -> "Telling":
        attempt = Attempt(
            "r-1", "shop/production", RELEASE, RUN, URL, Traffic.all_on(STABLE), CANARY, 1, self.at, self.at
        )  # fmt: skip
        self.story = replace(self.story, attempt=attempt)
        return self.entry("rollout begun", release=RELEASE.id, before=f"100 % on {STABLE}")

    def staged(self) -> "Telling":
        self.entry("stage: intended", "a1", revision=CANARY, image=str(RELEASE.image)).after(21)
        return self.entry("stage: done", "a1", traffic=f"100 % on {STABLE}")

    def smoked(self, where: str = "preview", outcome: str = "PASS", reason: str = "5 of 5") -> "Telling":
        return self.entry("smoke", where=where, outcome=outcome, reason=reason)

    def shifted(self, percent: int) -> "Telling":
        traffic = str(Traffic.all_on(STABLE).toward(CANARY, percent))
        self.entry("shift: intended", f"s{percent}", traffic=traffic)
        attempt = replace(self.story.attempt, phase=Phase.CLIMBING, percent=percent)
        self.story = replace(self.story, attempt=attempt)
        return self.after(2).entry("shift: done", f"s{percent}", traffic=traffic)

    def looked(self, at: int, outcome: str, reason: str, canary: Any = None, stable: Any = None) -> "Telling":
        seen = {"canary": canary or side(150, 0, 186), "stable": stable or side(150, 0, 182)}
        return self.entry("look", what=f"{at} %, look 1", outcome=outcome, reason=reason, seen=seen)

    def moved(self, at: int, move: str, reason: str) -> "Telling":
        return self.entry("move", at=at, move=move, reason=reason)

    def ended(self, phase: Phase, reason: str = "") -> "Telling":
        attempt = replace(self.story.attempt, phase=phase, reason=reason, ended_at=self.at)
        self.story = replace(self.story, attempt=attempt)
        return self.entry("rollout ended", phase=str(phase), reason=reason, release=RELEASE.id)

    def restored(self) -> "Telling":
        self.entry("restore: intended", "b1", traffic=f"100 % on {STABLE}").after(3.4)
        return self.entry("restore: done", "b1", traffic=f"100 % on {STABLE}")


def at_25_percent() -> Telling:
    """Return the story of the experience: approved, staged, 5 % passed, 4 min 18 s into 25 %."""
    telling = Telling().question(ApprovalState.SPENT, "ana").after(120).begun().staged().after(8).smoked()
    telling.after(120).looked(0, "PASS", "errors 0 of 600 vs 0 of 600; p50 21 ms vs 20 ms; p95 40 ms vs 39 ms")
    telling.moved(0, "Advance", "errors 0 of 600 vs 0 of 600; p50 21 ms vs 20 ms; p95 40 ms vs 39 ms").after(2)
    passed = "errors 4 of 1,902 (0.21 %) vs 68 of 35,960 (0.19 %); p95 184 ms vs 181 ms"
    telling.shifted(5).after(600).looked(5, "PASS", passed).moved(5, "Advance", passed).shifted(25)
    unclear = (
        "errors 5 of 2,000 (0.25 %) vs 11 of 6,000 (0.18 %); p95 186 ms vs 182 ms; needs about 1,900 more requests"
    )
    telling.after(130).looked(25, "INCONCLUSIVE", unclear, side(2000, 4, 186), side(6000, 11, 182))
    return telling.after(120).looked(25, "INCONCLUSIVE", unclear, side(2071, 5, 186), side(6205, 12, 182)).after(8)
