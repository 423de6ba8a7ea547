"""Judge a rollout of the ledger again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from surefoot.errors import ConfigError
from surefoot.judge import Judge
from surefoot.terms import Terms
from surefoot.verdict import Verdict
from tasks.cases.answer import Answer
from tasks.cases.whatif import on
from tasks.evidence import looks_of, terms_of
from tasks.store.ledger import Entry


@dataclass(frozen=True, slots=True)
class Replayed:
    """One look: `at` which step, the outcome that was recorded, and the verdict of now."""

    at: str
    recorded: str
    replayed: Verdict

    @property
    def same(self) -> bool:
        """Return whether the same is said."""
        return self.recorded == self.replayed.outcome


@dataclass(frozen=True, slots=True)
class Replay:
    """A rollout judged again up to its end; `not_replayed` looks came after what is a failure now."""

    rollout: str
    terms: Terms
    looks: tuple[Replayed, ...]
    not_replayed: int

    @property
    def as_recorded(self) -> int:
        """Return how many looks say the same."""
        return sum(each.same for each in self.looks)

    @property
    def end(self) -> Answer:
        """Return where it ends now."""
        return Answer(self.looks[-1].replayed, len(self.looks))


def replayed(rollout: str, entries: Sequence[Entry], changes: Mapping[str, Any]) -> Replay:
    """Judge all that the ledger has of a rollout again; ConfigError where there is nothing to judge."""
    terms, looks = terms_of(entries), looks_of(entries)
    if not looks:
        raise ConfigError(f"{rollout} was never looked at; there is nothing to judge")
    if terms is None:
        raise ConfigError(
            f"{rollout} was judged by a Surefoot that did not keep its terms; there is nothing to judge on"
        )
    recorded = [entry.fields for entry in entries if entry.kind == "look"]
    judge, found = Judge(on(terms, changes)), []
    for fields, look in zip(recorded, looks, strict=True):
        failed = judge.see(*look)
        found.append(Replayed(str(fields["what"]), str(fields["outcome"]), judge.verdict))
        if failed:
            break
    return Replay(rollout, on(terms, changes), tuple(found), len(looks) - len(found))
