"""Whether the installed SDK knows native deployments: asked of its own API model, never of its version."""

from typing import Any

import botocore

from surefoot.errors import Refused

# The oldest that was seen to know all of it.
_KNOWN_SINCE = "1.43.11"


def refuse_old_sdk(model: Any) -> None:
    """Refuse an ECS service model in which something is missing that every climb needs."""
    missing = [name for name in ("ContinueServiceDeployment", "StopServiceDeployment") if not _operates(model, name)]
    missing += [f"strategy {name}" for name in ("CANARY", "LINEAR", "BLUE_GREEN") if not _strategy(model, name)]
    if not _has(model, "DeploymentLifecycleHookTargetType", "PAUSE"):
        missing.append("PAUSE hooks")
    if missing:
        raise Refused(
            f"the installed botocore {botocore.__version__} does not know {', '.join(missing)}; "
            f"at least {_KNOWN_SINCE} does: uv pip install --upgrade 'boto3>={_KNOWN_SINCE}'"
        )


def _operates(model: Any, name: str) -> bool:
    return name in model.operation_names


def _strategy(model: Any, name: str) -> bool:
    return _has(model, "DeploymentStrategy", name)


def _has(model: Any, shape: str, value: str) -> bool:
    return shape in model.shape_names and value in model.shape_for(shape).enum
