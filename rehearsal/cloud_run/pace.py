"""How slow the rehearsed cloud is."""

from dataclasses import dataclass


@dataclass(slots=True)
class Pace:
    """Settings that may be changed while it runs.

    `traffic_lag_s` passes between an accepted split and the moment it is reported; the data plane changes halfway.
    `speed` divides the platform's start-up deadlines (240 s by default): 20 gives up on a hanging image after 12 s.
    `idle_s` after its last address went, a revision's processes are stopped, to be started again when needed.
    `least_grace_s` a task on ECS has to become healthy, at whatever speed: its process has to start for real.
    """

    traffic_lag_s: float = 0.4
    speed: float = 1.0
    idle_s: float = 600.0
    least_grace_s: float = 3.0

    def __post_init__(self) -> None:
        if min(self.traffic_lag_s, self.idle_s, self.least_grace_s) < 0 or self.speed <= 0:
            raise ValueError(f"lags cannot be negative and speed has to be positive: {self}")
