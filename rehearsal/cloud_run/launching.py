"""Starting a revision's processes, and what the platform says when they do not start."""

from grpc import StatusCode

from rehearsal.backend import Backends
from rehearsal.cloud_run.conditions import State
from rehearsal.cloud_run.deployed import Deployed
from rehearsal.cloud_run.refusal import Refusal
from rehearsal.platform import Crashed, ImageMissing, NeverReady

_ABSENT = "Revision '{}' does not exist or is deleted. Update all traffic to route to currently available revisions."
_NOT_READY = "Revision '{}' is not ready and cannot serve traffic."
_NEVER_LISTENED = (
    " The user-provided container failed to start and listen on the port defined provided by the PORT environment "
    "variable within the allocated timeout. This can happen when the container port is misconfigured or if the timeout "
    "is too short. The health check timeout can be extended."
)


async def start(deployed: Deployed, name: str, speed: float) -> None:
    """Start a revision and wait for its startup probe, whose deadline is divided by `speed`; Refusal says why not."""
    revision = deployed.revisions[name]
    container = revision.containers[0]
    probe = container.startup_probe
    deadline_s = probe.initial_delay_seconds + (probe.period_seconds or 10) * (probe.failure_threshold or 3)
    try:
        listening = await deployed.platform.launch(
            name,
            container.image,
            service=deployed.id,
            env={variable.name: variable.value for variable in container.env},
            instances=max(1, revision.scaling.min_instance_count),
            startup_timeout_s=deadline_s / speed,
            probe_path=probe.http_get.path or None,
        )
    except ImageMissing as problem:
        raise Refusal(StatusCode.NOT_FOUND, f"Image '{container.image}' not found.") from problem
    except Crashed as problem:
        text = f"{_NOT_READY.format(name)} The container exited with code {problem.exit_code}.{_NEVER_LISTENED}"
        raise Refusal(StatusCode.FAILED_PRECONDITION, text) from problem
    except NeverReady as problem:
        raise Refusal(StatusCode.FAILED_PRECONDITION, _NOT_READY.format(name) + _NEVER_LISTENED) from problem
    deployed.backends[name] = Backends(name, tuple(listening))


async def awake(deployed: Deployed, name: str, speed: float) -> Backends:
    """Return where a ready revision listens, started again if it was idle or had died."""
    if name not in deployed.revisions:
        raise Refusal(StatusCode.FAILED_PRECONDITION, _ABSENT.format(name))
    health = deployed.health[name]
    if health.state != State.CONDITION_SUCCEEDED:
        raise Refusal(StatusCode.FAILED_PRECONDITION, health.message or _NOT_READY.format(name))
    if not deployed.platform.alive(name):
        await stop(deployed, name)
        await start(deployed, name, speed)
    return deployed.backends[name]


async def stop(deployed: Deployed, name: str) -> None:
    """Stop a revision's processes."""
    deployed.backends.pop(name, None)
    await deployed.platform.stop(name)
