"""How ECS says no, in its own error codes."""

from rehearsal.aws.refusal import Refusal


def invalid(message: str) -> Refusal:
    """Return the refusal of a parameter's value."""
    return Refusal("InvalidParameterException", message)


def client(message: str) -> Refusal:
    """Return the refusal of something named in the request that is not there, or not fit."""
    return Refusal("ClientException", message)


def no_cluster() -> Refusal:
    """Return the refusal of an unknown cluster."""
    return Refusal("ClusterNotFoundException", "Cluster not found.")


def no_service() -> Refusal:
    """Return the refusal of an unknown service."""
    return Refusal("ServiceNotFoundException", "Service not found.")


def inactive_service() -> Refusal:
    """Return the refusal to change a service that was deleted."""
    return Refusal("ServiceNotActiveException", "Service was not ACTIVE.")


def no_deployment(arn: str) -> Refusal:
    """Return the refusal of an unknown service deployment."""
    return Refusal("ServiceDeploymentNotFoundException", f"Service deployment not found: {arn}")


def conflict(message: str) -> Refusal:
    """Return the refusal of what does not fit the state things are in."""
    return Refusal("ConflictException", message)
