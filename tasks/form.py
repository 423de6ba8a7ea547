"""The form on a run's page in Prefect: it is there before the run waits, and what comes back is only data.

Prefect suspends a run first and saves its form after that: killed in between, a run would wait for an answer that
nobody can give. Here the form is saved first, and saving it again changes nothing.
"""

from typing import Any, Literal, Self, cast
from uuid import UUID

from prefect import apause_flow_run, asuspend_flow_run
from prefect.client.orchestration import get_client
from prefect.input import (
    Keyset,
    RunInput,
    adelete_flow_run_input,
    aread_flow_run_input,
    keyset_from_base_key,
)
from prefect.runtime import flow_run
from prefect.states import Running
from pydantic import Field

# Prefect would fail a run that nobody resumed; ours ends it in its own words, so Prefect's limit lies behind.
MARGIN_S = 86_400.0
# How often a run that holds in the middle asks Prefect whether a person has decided.
_POLL_S = 2


class Answer(RunInput):
    """The form. Its rules are in the JSON schema, where Prefect's page and server enforce them before a run wakes."""

    decision: Literal["approve", "reject"] = Field(title="Decision")
    name: str = Field(title="Your name", min_length=2, max_length=60, pattern=r"^\S(.*\S)?$")
    comment: str = Field("", title="Comment", max_length=500)

    @classmethod
    async def asave(cls, keyset: Keyset, flow_run_id: UUID | None = None) -> None:
        """Save schema and description; once both are there, nothing more."""
        if await _read(keyset["description"], flow_run_id) is not None:
            return
        # The description is saved last: without it, a schema is what a killed process left behind.
        if await _read(keyset["schema"], flow_run_id) is not None:
            await adelete_flow_run_input(keyset["schema"], flow_run_id)
        await super().asave(keyset, flow_run_id)

    @classmethod
    async def aload(cls, keyset: Keyset, flow_run_id: UUID | None = None) -> Self:
        """Return what was sent in, whatever it is: a run that was started without an answer has an empty one."""
        came = await _read(keyset["response"], flow_run_id) or {}
        said: dict[str, Any] = {name: str(came.get(name, "")) for name in cls.model_fields}
        return cast("Self", cls.model_construct(None, **said))


async def suspend(key: str, description: str, timeout_s: float) -> None:
    """End this process and let the run wait with its form; the answer starts it again, from its top."""
    form = Answer.with_initial_data(description=description)
    await form.asave(_keyset("suspended", key))
    await asuspend_flow_run(wait_for_input=form, timeout=int(timeout_s + MARGIN_S), key=key)


async def pause(key: str, description: str, timeout_s: float) -> Answer:
    """Wait in this process until a form was sent in, and return it."""
    form = Answer.with_initial_data(description=description)
    await form.asave(_keyset("paused", key))
    timeout = int(timeout_s + MARGIN_S)
    return await apause_flow_run(wait_for_input=form, timeout=timeout, poll_interval=_POLL_S, key=key)


async def unpause(why: str) -> None:
    """Go on without an answer: nobody is asked any more."""
    async with get_client() as client:
        await client.set_flow_run_state(UUID(str(flow_run.id)), Running(message=why), force=True)


async def shown(prefix: str) -> int:
    """Return how many forms of this name the run has waited with; Prefect wants another key for each."""
    async with get_client() as client:
        run: Any = await client.read_flow_run(UUID(str(flow_run.id)))
    return sum(key.startswith(f"{prefix}-") for key in run.empirical_policy.pause_keys or ())


async def sent(key: str) -> Answer | None:
    """Return what was sent in with a form that the run had suspended with, None where nothing was."""
    keyset = _keyset("suspended", key)
    return None if await _read(keyset["response"]) is None else await Answer.aload(keyset)


async def _read(key: str, run: UUID | None = None) -> Any:
    return await aread_flow_run_input(key, flow_run_id=run)


def _keyset(state: str, key: str) -> Keyset:
    return keyset_from_base_key(f"{state}-{key}")
