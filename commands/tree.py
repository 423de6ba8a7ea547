"""A rollout as a tree: what was, what is, what is to come; canary and stable beside each other, the way back below."""

from collections.abc import Iterator, Sequence
from datetime import datetime, tzinfo

from commands.clock import at, mmss
from commands.row import INDENT, WIDTH, Row
from commands.rungs import rung
from commands.story import Story, stretches
from commands.terminal import Sign, Terminal
from surefoot.rollout import Phase
from surefoot.service import ApprovalRule
from surefoot.units import took


def tree(story: Story, terminal: Terminal, now: datetime, zone: tzinfo | None = None) -> list[str]:
    """Return the whole tree as lines."""
    lines = [_headline(story, terminal, now), ""]
    for row in rows(story, now, zone):
        lines += row.show(terminal)
    foot = _foot(story, terminal)
    return [*lines, "", *foot] if foot else lines


def rows(story: Story, now: datetime, zone: tzinfo | None = None) -> list[Row]:
    """Return the tree's rows as values."""
    found = [*_approval(story, now, zone), *_run(story, now), *_staged(story)]
    interval_s, over = story.environment.plan.look_s, is_over(story)
    found += [rung(each, interval_s, now, over=over) for each in stretches(story)]
    # What will not come any more is not announced.
    return [*(row for row in found if not over or row.sign is not Sign.TO_COME), *_ended(story)]


def is_over(story: Story) -> bool:
    """Return whether nothing more comes: the rollout has ended, or its run has without one."""
    if story.attempt is not None:
        return story.attempt.ended_at is not None
    return story.state is not None and story.state.over and not story.state.died


def _headline(story: Story, terminal: Terminal, now: datetime) -> str:
    place = f"{story.environment.service} → {story.environment.name}"
    release = story.release
    what = f"{release.version} · {release.commit[:7]}" if release else ""
    ended = story.attempt.ended_at if story.attempt else None
    began = story.asked_at
    ran = mmss(((ended or now) - began).total_seconds()) if began else ""
    state = f"{'took' if ended else 'running'} {ran}" if ran else ""
    room = min(terminal.width, WIDTH) - len(f"{place}   {what}  {state}") - 5
    title = f' · "{_cut(release.title, room)}"' if release and release.title and room > 8 else ""
    gap = max(2, min(terminal.width, WIDTH) - len(f"{place}   {what}{title}") - len(state) - 1)
    return f"{terminal.paint(place, bold=True)}   {what}{title}{' ' * gap}{terminal.paint(state, dim=True)}".rstrip()


def _approval(story: Story, now: datetime, zone: tzinfo | None) -> Iterator[Row]:
    rule, record = story.environment.approval, story.approval
    if rule is None:
        return
    if record is None:
        if story.waits:
            yield Row(Sign.NOW, "approval", ("waits for a yes: open the run (below), press Resume",))
        elif story.attempt is None:
            yield Row(Sign.TO_COME, "approval", (f"a yes{_by(rule)}",))
    elif story.answered:
        yield Row(Sign.NOW, "approval", ("answered; a worker takes the run soon",))
    elif record.state == "asked":
        until, plan = at(record.until, now, zone), record.plan_hash[:8]
        said = f"waits for a yes{_by(rule)}, until {until}, for plan {plan}"
        yield Row(Sign.NOW, "approval", (said, "open the run (below), press Resume"))
    else:
        good = record.state in ("approved", "spent")
        name = "approved" if good else str(record.state)
        who = f"{record.by}, " if record.by else ""
        said = f"{who}{at(record.changed_at, now, zone)}, for plan {record.plan_hash[:8]}"
        yield Row(Sign.GOOD if good else Sign.BAD, name, (said, *((record.comment,) if record.comment else ())))


def _by(rule: ApprovalRule) -> str:
    return f" by {' or '.join(rule.approvers)}" if rule.approvers else ""


def _run(story: Story, now: datetime) -> Iterator[Row]:
    """Say why nothing is to be seen yet: no worker, not its turn; or that the process is gone."""
    state = story.state
    if state is not None and state.died and (story.attempt is None or story.attempt.ended_at is None):
        yield Row(Sign.BLIND, "run", ("its process died; the watchdog takes over within a minute or two",))
    elif state is not None and state.kind in ("SCHEDULED", "PENDING") and not story.answered and story.attempt is None:
        asked = mmss((now - story.asked_at).total_seconds()) if story.asked_at else ""
        late = "no worker has taken it; is surefoot up running?" if state.name == "Late" else "a worker takes it soon"
        yield Row(Sign.BLIND if state.name == "Late" else Sign.NOW, "asked", (late,), asked)
    elif story.release is not None and story.attempt is None and not _undecided(story) and not (state and state.over):
        yield Row(Sign.NOW, "begins", ("waits for its turn here, and looks at what is live",))


def _undecided(story: Story) -> bool:
    return story.waits or (story.approval is not None and story.approval.state == "asked")


def _staged(story: Story) -> Iterator[Row]:
    intended = None
    for entry in story.entries:
        if entry.kind == "stage: intended":
            intended, last = entry, Row(Sign.NOW, "staged", (f"{entry.fields['revision']} is starting, no traffic",))
        elif entry.kind == "stage: done" and intended is not None:
            ready = took((entry.at - intended.at).total_seconds())
            last = Row(Sign.GOOD, "staged", (f"{intended.fields['revision']}; ready after {ready}, no traffic",))
        elif entry.kind == "stage: failed":
            last = Row(Sign.BAD, "staged", (str(entry.fields["problem"]),))
    if intended is None:
        yield Row(Sign.TO_COME, "staged", ("a revision without traffic",))
        yield Row(Sign.TO_COME, "smoke", (_checks(story),))
        return
    yield last
    yield next(_smoke(story, "preview", since=intended.seq), Row(Sign.TO_COME, "smoke", (_checks(story),)))


def _checks(story: Story) -> str:
    number = len(story.environment.checks)
    return f"{number} check{'' if number == 1 else 's'} through the preview address"


def _smoke(story: Story, where: str, since: int = 0) -> Iterator[Row]:
    signs = {"PASS": Sign.GOOD, "FAIL": Sign.BAD, "INCONCLUSIVE": Sign.BLIND}
    for entry in story.entries:
        if entry.kind == "smoke" and entry.fields["where"] == where and entry.seq > since:
            said = f"{entry.fields['reason']} through the {where} address"
            yield Row(signs[str(entry.fields["outcome"])], "smoke" if where == "preview" else "seen", (said,))


def _ended(story: Story) -> Iterator[Row]:
    yield from _smoke(story, "public")
    attempt = story.attempt
    if attempt is None or attempt.ended_at is None:
        return
    if attempt.phase is Phase.PROMOTED:
        yield Row(Sign.GOOD, "live", (f"100 % on {attempt.canary}, read back",))
    elif attempt.phase is Phase.PUT_BACK:
        yield Row(Sign.BACK, "put back", (f"{attempt.before}; {_seen_back(story)}",), _restored_in(story))
    else:
        yield Row(Sign.BAD, str(attempt.phase), (attempt.reason,))


def _seen_back(story: Story) -> str:
    return "read back" if story.reached else "no user has seen it"


def _restored_in(story: Story) -> str:
    began = {entry.action: entry.at for entry in story.entries if entry.kind == "restore: intended"}
    done = [entry for entry in story.entries if entry.kind == "restore: done" and entry.action in began]
    return took((done[-1].at - began[done[-1].action]).total_seconds()) if done else ""


def _foot(story: Story, terminal: Terminal) -> list[str]:
    lines: list[str] = []
    room, attempt = min(terminal.width, WIDTH) - INDENT, story.attempt
    if attempt is not None and attempt.ended_at is None:
        command = f"surefoot rollback {story.environment.service} {story.environment.name}"
        lines += _labelled("way back", _fitting(f"{attempt.before.main}:", command, room))
    if story.run_url:
        # Whole, on a line of its own where it is long: an address that is cut leads nowhere.
        beside = len(story.run_url) <= room
        lines += _labelled("run", [story.run_url]) if beside else ["  run", f"  {story.run_url}"]
    return lines


def _fitting(first: str, second: str, room: int) -> list[str]:
    return [f"{first} {second}"] if len(first) + 1 + len(second) <= room else [first, second]


def _labelled(label: str, lines: Sequence[str]) -> list[str]:
    return [f"  {label if index == 0 else '':<14}{line}" for index, line in enumerate(lines)]


def _cut(text: str, room: int) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= room else f"{flat[: max(0, room - 1)].rstrip()}…"
