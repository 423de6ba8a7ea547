"""An Amazon ECS on the laptop: its API's calls and native deployments, with real processes behind real addresses."""

from rehearsal.ecs.ecs import Ecs

__all__ = ["Ecs"]
