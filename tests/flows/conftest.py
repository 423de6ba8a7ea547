"""What the stories share."""

from rollout_world import anyio_backend, world

__all__ = ["anyio_backend", "world"]
