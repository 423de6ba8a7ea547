"""Who said yes, to what exactly."""

import hashlib
import json
from dataclasses import asdict, dataclass
from enum import StrEnum

from surefoot.release import Release
from surefoot.service import ApprovalRule, Environment


class Decision(StrEnum):
    """What a person can answer."""

    APPROVE = "approve"
    REJECT = "reject"


@dataclass(frozen=True, slots=True)
class Question:
    """What a person is asked: the release, where to, how, on what evidence, and the way back.

    `way_back` is the traffic that would be restored, `evidence` the sentences that staging's checks and comparison
    left behind. The approval counts for exactly this: `hash` changes when any of it does.
    """

    release: Release
    environment: Environment
    way_back: str
    evidence: tuple[str, ...] = ()

    @property
    def hash(self) -> str:
        """Return the SHA-256 (hex) of the question's canonical form: sorted keys, no spaces, UTF-8."""
        asked = {
            "release": asdict(self.release),
            "environment": self.environment.key,
            "target": {"kind": self.environment.place.kind, **self.environment.place.settings},
            "plan": asdict(self.environment.plan),
            "checks": [asdict(check) for check in self.environment.checks],
            "way_back": self.way_back,
            "evidence": self.evidence,
        }
        canonical = json.dumps(asked, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return hashlib.sha256(canonical.encode()).hexdigest()

    @property
    def short_hash(self) -> str:
        """Return the first 8 signs, as shown in the terminal, the form and Slack."""
        return self.hash[:8]


def problem_with(decision: str, name: str, rule: ApprovalRule) -> str:
    """Return why an answer cannot be counted, "" when it can: asked again, it never fails a run."""
    if decision not in list(Decision):
        return f"{decision!r} is neither approve nor reject"
    if not name.strip():
        return "an answer needs a name"
    if rule.approvers and name.strip().lower() not in {approver.lower() for approver in rule.approvers}:
        return f"{name.strip()!r} is not among the approvers: {', '.join(rule.approvers)}"
    return ""
