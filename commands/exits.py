"""What a command's exit code says."""

from surefoot.errors import (
    Cancelled,
    ConfigError,
    GateClosed,
    NotApproved,
    NotNow,
    SurefootError,
    Unhealthy,
)

DONE, UNEXPECTED, BAD_INPUT, ROLLED_BACK, WAITING, REFUSED, INTERRUPTED = 0, 1, 2, 3, 4, 5, 130

MEANING = (
    "0 done · 1 unexpected · 2 bad input · 3 rolled back · 4 waits for a person · 5 refused (drift, lease, freeze)"
)

_CODES: tuple[tuple[type[SurefootError], int], ...] = (
    (ConfigError, BAD_INPUT),
    (Unhealthy, ROLLED_BACK),
    (Cancelled, ROLLED_BACK),
    (NotNow, REFUSED),
    (NotApproved, REFUSED),
    (GateClosed, REFUSED),
)


def exit_code(problem: SurefootError) -> int:
    """Return the code for what was raised on purpose: what no other code says is unexpected."""
    return next((code for kind, code in _CODES if isinstance(problem, kind)), UNEXPECTED)
