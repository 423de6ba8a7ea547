"""How slow the rehearsed cloud is."""

from dataclasses import dataclass


@dataclass(slots=True)
class Pace:
    """Settings that may be changed while it runs.

    `traffic_lag_s` passes between an accepted split and the moment it is reported; the data plane changes halfway.
    `speed` divides the platform's start-up deadlines (240 s by default): 20 gives up on a hanging image after 12 s.
    `idle_s` after its last address went, a revision's processes are stopped, to be started again when needed.
    """

    traffic_lag_s: float = 0.4
    speed: float = 1.0
    idle_s: float = 600.0

    def __post_init__(self) -> None:
        if self.traffic_lag_s < 0 or self.speed <= 0 or self.idle_s < 0:
            raise ValueError(f"lags cannot be negative and speed has to be positive: {self}")
