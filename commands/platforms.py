"""What the sample shop can run on, on this laptop."""

from collections.abc import Mapping

# As it is typed, and what people call it.
PLATFORMS: Mapping[str, str] = {"cloud-run": "a Cloud Run", "ecs": "an ECS"}
# Each service with its usual port.
SHOPS: Mapping[str, int] = {"shop": 8800, "shop-staging": 8801}
# On ECS an hour's silence of Surefoot is over in five minutes, and tasks that fail are started again quickly.
ECS_SPEED = 12.0
