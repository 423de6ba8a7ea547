"""How a run ended, its exit code, and the words that tell it: verdict first, next command last."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from commands import exits
from commands.clock import at, rfc3339
from commands.story import Story
from surefoot.rollout import Phase
from surefoot.units import took

_CODES = {
    "Done": exits.DONE,
    "Waiting": exits.WAITING,
    "PutBack": exits.ROLLED_BACK,
    "NotPutBack": exits.UNEXPECTED,
    "Cancelled": exits.ROLLED_BACK,
    "BadInput": exits.BAD_INPUT,
    **dict.fromkeys(("Refused", "Superseded", "NotApproved", "TimedOut", "Interfered"), exits.REFUSED),
}
_PHASES = {
    Phase.PROMOTED: "Done",
    Phase.PUT_BACK: "PutBack",
    Phase.NOT_PUT_BACK: "NotPutBack",
    Phase.REFUSED: "Refused",
}
# What a question that was not answered with a yes ends its run as.
_ANSWERS = {
    "refused": "NotApproved",
    "timed out": "TimedOut",
    "cancelled": "Cancelled",
    "superseded": "Superseded",
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended: the name of its state in Prefect, its reason, and the exit code that says the same."""

    name: str
    reason: str = ""
    code: int = exits.UNEXPECTED


def outcome(story: Story) -> Outcome | None:
    """Return how the run ended, None while it goes on. A run whose process died has not ended: others finish it."""
    state, attempt, approval = story.state, story.attempt, story.approval
    # After the promotion a Cancel comes too late, whatever Prefect then calls the run: users have the release.
    too_late = state is not None and state.name == "Cancelled" and _is_promoted(story)
    if state is not None and state.over and not state.died and not too_late:
        return Outcome(state.name, state.message, _code(story, state.name))
    if attempt is not None and attempt.ended_at is not None and (state is None or state.died or too_late):
        name = _PHASES[attempt.phase]
        return Outcome(name, attempt.reason, _code(story, name))
    if approval is not None and attempt is None and state is None and approval.state in _ANSWERS:
        name = _ANSWERS[approval.state]
        return Outcome(name, approval.comment, _code(story, name))
    return None


def _is_promoted(story: Story) -> bool:
    return story.attempt is not None and story.attempt.phase is Phase.PROMOTED


def waiting(story: Story) -> Outcome:
    """Return the outcome of not waiting for a person."""
    until = f", until {at(story.approval.until)}" if story.approval else ""
    return Outcome("Waiting", f"waits for a yes{until}", exits.WAITING)


def closing(story: Story, ended: Outcome, undo: str = "") -> list[str]:
    """Return the last words about a run; `undo` is what a person types by hand where the way back failed."""
    release = story.release.short if story.release else story.environment.service
    say = {
        "Done": _done,
        "Waiting": _waiting,
        "PutBack": _put_back,
        "NotPutBack": _not_put_back,
        "Cancelled": _cancelled,
    }.get(ended.name)
    if say is not None:
        return say(story, ended, release, undo)
    return [f"{_HEADS.get(ended.name, ended.name)}: {release} in {story.environment.name}", *_reason(ended)]


_HEADS = {
    "Refused": "Refused, nothing was changed",
    "Superseded": "Superseded, nothing to do",
    "NotApproved": "Not approved, nothing was changed",
    "TimedOut": "Not approved in time, nothing was changed",
    "Interfered": "Stopped, somebody else wrote; nothing of theirs was changed",
    "BadInput": "Bad input, nothing was changed",
    "Failed": "Unexpected",
}


def next_commands(story: Story, ended: Outcome) -> Sequence[str]:
    """Return what to type next."""
    service, place = story.environment.service, story.environment.name
    if ended.name == "Done":
        return (f"surefoot history {service} {place}",)
    if ended.name == "Waiting":
        return (f"surefoot watch {service} {place}",)
    if ended.name == "Interfered":
        return (f"surefoot plan {service} {place}", f"surefoot rollback {service} {place}")
    if ended.name == "NotPutBack":
        return (f"surefoot rollback {service} {place}", "surefoot watchdog")
    again = f"surefoot deploy {service} {place} --image {story.release.image}" if story.release else ""
    return tuple(each for each in (f"surefoot history {service} {place}", again) if each)


def _done(story: Story, ended: Outcome, release: str, undo: str) -> list[str]:
    del ended, undo
    began, until = story.asked_at, story.attempt.ended_at if story.attempt else None
    after = f", {took((until - began).total_seconds())} after it was asked for" if began and until else ""
    return [f"{release} is live in {story.environment.name}{after}."]


def _waiting(story: Story, ended: Outcome, release: str, undo: str) -> list[str]:
    del undo
    return [f"{release} in {story.environment.name} {ended.reason}: open the run, press Resume", f"  {story.run_url}"]


def _put_back(story: Story, ended: Outcome, release: str, undo: str) -> list[str]:
    del undo
    attempt = story.attempt
    if attempt is None:
        return [f"Not released: {release} in {story.environment.name}", *_reason(ended)]
    users = (
        f"Users are on {attempt.before.main} again{f', since {at(attempt.ended_at)}' if attempt.ended_at else ''}."
        if story.reached
        else f"No user has seen it; they are on {attempt.before.main}."
    )
    return [f"Put back: {release} in {story.environment.name}. {users}", *_reason(ended)]


def _not_put_back(story: Story, ended: Outcome, release: str, undo: str) -> list[str]:
    percent = story.attempt.percent if story.attempt else 0
    by_hand = ["", "Do this now, from an account that may:", f"  {undo}"] if undo else []
    still = f"{release} still has {percent} % of {story.environment.name}"
    return [
        f"NOT put back: {still}",
        *_reason(ended),
        *by_hand,
        "The watchdog keeps trying every minute, and says in Slack when it is true.",
    ]


def _cancelled(story: Story, ended: Outcome, release: str, undo: str) -> list[str]:
    del undo
    back = f"users are on {story.attempt.before.main}" if story.attempt else "nothing had changed"
    return [f"Cancelled: {release} in {story.environment.name}; {back}.", *_reason(ended)]


def _reason(ended: Outcome) -> list[str]:
    return [f"Why  {ended.reason}"] if ended.reason else []


def _code(story: Story, name: str) -> int:
    if story.attempt is None and name in ("PutBack", "Cancelled"):  # there was nothing to put back yet
        return exits.UNEXPECTED if name == "PutBack" else exits.REFUSED
    return _CODES.get(name, exits.UNEXPECTED)


def fields(story: Story, ended: Outcome) -> dict[str, Any]:
    """Return what the JSON document says of a run and its end."""
    release, attempt = story.release, story.attempt
    return {
        "service": story.environment.service,
        "environment": story.environment.name,
        "outcome": ended.name,
        "reason": ended.reason,
        "exit_code": ended.code,
        "release": release.id if release else None,
        "version": release.version if release else None,
        "commit": release.commit if release else None,
        "image": str(release.image) if release else None,
        "run": story.run_id,
        "run_url": story.run_url or None,
        "rollout": attempt.id if attempt else None,
        "reached_percent": story.reached,
        "began": rfc3339(attempt.began_at) if attempt else None,
        "ended": rfc3339(attempt.ended_at) if attempt and attempt.ended_at else None,
    }
