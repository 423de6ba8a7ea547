"""Who said yes, to what exactly."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from surefoot.audit import canonical, digest
from surefoot.release import Commit, Release
from surefoot.service import ApprovalRule, Environment
from surefoot.verdict import Outcome, Verdict


class Decision(StrEnum):
    """What a person can answer."""

    APPROVE = "approve"
    REJECT = "reject"


@dataclass(frozen=True, slots=True)
class Seen:
    """What was seen of a release before anybody was asked: where, and how it looked there in the end."""

    where: str
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Question:
    """What a person is asked: the release, where to, how, on what evidence, and the way back.

    `way_back` is the traffic that would be restored, `undo` the command that does it by hand; `looks` are the numbers
    behind what was `seen`, as the picture shows them; `commits` is what is new to users, the newest first, since
    the release `last` that they have now, as far as it is known.
    """

    release: Release
    environment: Environment
    way_back: str
    undo: str = ""
    seen: tuple[Seen, ...] = ()
    looks: tuple[Mapping[str, Any], ...] = ()
    commits: tuple[Commit, ...] = ()
    last: Release | None = None

    @property
    def parts(self) -> dict[str, Any]:
        """Return everything that a yes is bound to, part by part, as JSON can say it."""
        environment = self.environment
        return {
            "release": {**asdict(self.release), "commits": [asdict(commit) for commit in self.commits]},
            "environment": environment.key,
            "target": {"kind": environment.place.kind, **environment.place.settings},
            "plan": asdict(environment.plan),
            "checks": {check.name: digest(asdict(check)) for check in environment.checks},
            "approvers": sorted(environment.approval.approvers) if environment.approval else [],
            "way_back": self.way_back,
            "undo": self.undo,
            "seen": [f"{each.where}: {each.verdict}" for each in self.seen],
            "looks": digest({"looks": self.looks}),
        }

    @property
    def hash(self) -> str:
        """Return the SHA-256 (hex) of all parts: it is another one when anything that was shown is."""
        return digest(self.parts)

    @property
    def short_hash(self) -> str:
        """Return the first 8 signs, as shown in the terminal, the form and Slack."""
        return self.hash[:8]


_CALLED = {
    "release": "the release or its commits",
    "environment": "the environment",
    "target": "the target",
    "plan": "the plan",
    "checks": "the checks",
    "approvers": "the list of approvers",
    "undo": "the command for the way back",
    "seen": "what staging has seen",
    "looks": "the numbers from staging",
}


def changed(before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    """Return in words which parts of a question are others than they were, "" when all are the same."""
    other = {name for name in after if canonical({"": before.get(name)}) != canonical({"": after[name]})}
    words = [f"the way back was {before.get('way_back')}, and is {after['way_back']}"] if "way_back" in other else []
    # The command follows from the way back: said alone, or not at all.
    silent = {"way_back", "undo"} if "way_back" in other else set[str]()
    words += [f"{_CALLED[name]} changed" for name in _CALLED if name in other - silent]
    return "; ".join(words)


def seen_in(evidence: Mapping[str, Any]) -> tuple[Seen, ...]:
    """Return what a rollout's evidence comes to: its smoke checks, and the last verdict of each step."""
    smoked = (Seen(f"smoke, {at}", Verdict(Outcome.PASS, said)) for at, said in evidence.get("smoked", {}).items())
    last = {str(look["at"]).partition(",")[0]: look for look in evidence.get("verdicts", ())}
    looked = (Seen(at, Verdict(Outcome(look["outcome"]), look["reason"])) for at, look in last.items())
    return (*smoked, *looked)


def problem_with(decision: str, name: str, rule: ApprovalRule) -> str:
    """Return why an answer cannot be counted, "" when it can: asked again, it never fails a run."""
    said = name.strip()
    if not decision and not said:
        return "the answer was empty"
    if decision not in list(Decision):
        return f"{decision!r} is neither approve nor reject"
    if not said:
        return "an answer needs a name"
    if rule.approvers and said.casefold() not in {approver.casefold() for approver in rule.approvers}:
        return f"{said} is not among the approvers: {', '.join(rule.approvers)}"
    return ""
