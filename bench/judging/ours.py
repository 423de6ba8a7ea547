"""Our judge, shown a run's looks one after the other: the only file here that knows its interface."""

from collections.abc import Sequence

from judging.peers import NEVER
from judging.traffic import Cell
from surefoot.judge import Judge, suspicions
from surefoot.levels import Levels
from surefoot.rollout import Limits
from surefoot.terms import Terms
from surefoot.verdict import Outcome
from surefoot.vitals import CLASSES, Look

OURS = "surefoot"
FALSE_ALARM = 0.01
# The harm that the plan names: errors of 0.5 % become 2 %, and a quantile is a fifth slower.
HARM = 0.015
SLOWER = {"p50": 0.2, "p95": 0.2}


def terms(cell: Cell) -> Terms:
    """Return what a run of this cell is judged on."""
    return Terms(cell.looks, FALSE_ALARM, HARM, SLOWER if cell.cv else {})


def see(cell: Cell, looks: Sequence[Look]) -> tuple[float, bool]:
    """Return when a run is put back (s), and whether it was let through at the end of any of its steps."""
    judge, went_on, seconds = Judge(terms(cell)), False, 0.0
    step = len(looks) // len(cell.shares)
    for number, look in enumerate(looks, 1):
        seconds += look.stable.seconds
        if judge.see(look):
            return seconds, went_on
        went_on |= number % step == 0 and judge.verdict.outcome is Outcome.PASS
    return NEVER, went_on


def with_limits(number: int, looks: int) -> tuple[list[Judge], int]:
    """Return judges that have at least so many limits between them, and how many: one alone has not as many."""
    everything = Terms(
        looks,
        FALSE_ALARM,
        HARM,
        dict.fromkeys(("p50", "p95", "p99"), 0.2),
        classes=CLASSES,
        scatter=True,
        limits=Limits(0.05, 500.0, 2000.0),
    )
    each = len(suspicions(everything, Levels()))
    return [Judge(everything) for _ in range(-(-number // each))], each * -(-number // each)
