"""How a run ends in Prefect: each end in a state of its own, whose message is the reason."""

from collections.abc import Awaitable
from typing import Any

from prefect.client.schemas.objects import State
from prefect.states import Cancelled, Completed, Failed

from surefoot import errors
from tasks.deploy import Unfinished
from tasks.stop import stop_on_sigterm

# The state's name is what `surefoot deploy` turns into its exit code, and what people filter by.
_ENDS: tuple[tuple[type[errors.SurefootError], str, Any], ...] = (
    (errors.Superseded, "Superseded", Cancelled),
    (errors.TimedOut, "TimedOut", Cancelled),
    (errors.NotApproved, "NotApproved", Cancelled),
    (errors.Cancelled, "Cancelled", Cancelled),
    (errors.NotNow, "Refused", Failed),
    (errors.RollbackFailed, "NotPutBack", Failed),
    (errors.Interfered, "Interfered", Failed),
    (errors.ConfigError, "BadInput", Failed),
    (Unfinished, "Unfinished", Failed),
    (errors.SurefootError, "PutBack", Failed),
)


async def ended(work: Awaitable[str]) -> State[Any]:
    """Return the state that a run's work ended in; a Cancel or SIGTERM lets the way back finish first."""
    try:
        with stop_on_sigterm():
            said = await work
    except errors.SurefootError as problem:
        name, kind = next((name, kind) for error, name, kind in _ENDS if isinstance(problem, error))
        state: State[Any] = kind(name=name, message=str(problem))
        return state
    return Completed(name="Done", message=said)
