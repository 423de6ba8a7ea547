"""Everything Surefoot raises on purpose.

SurefootError
├── ConfigError             bad input: file, line, field, value, and what would be right
├── TargetError             the platform's answer
│   ├── Unavailable         could not reach it, or it asked us to come back: a read may be tried again
│   └── Refused             it said no
│       ├── NotThere        there is no such service, nor cluster
│       ├── StageFailed     the revision never became ready: missing image, crash, hang
│       ├── Interfered      somebody else wrote in the middle; nothing of theirs was changed
│       └── RolledBack      the platform itself has put the release back: an alarm, its breaker, a silence of ours
├── NotNow                  refused before anything was changed
│   ├── LeaseHeld           somebody else has the right to write here
│   ├── Drift               what is live is not what the ledger says
│   └── Superseded          a newer release has taken this one's place
├── GateClosed              a check before the way out did not pass
├── NotApproved             a person said no, or the question was taken back
│   └── TimedOut            nobody said yes in time, which is a no
├── Unhealthy               a verdict went against the release; it was put back
├── Cancelled               a person or a signal stopped the run; it was put back
└── RollbackFailed          the way back failed: the only headline that matters
"""


class SurefootError(Exception):
    """The root: catch it at the edge, print it, choose the exit code."""


class ConfigError(SurefootError):
    """Input that cannot be used as it is."""


class TargetError(SurefootError):
    """The platform did not do as asked."""


class Unavailable(TargetError):
    """Could not reach the platform, or it asked to be left alone for `retry_after_s` seconds."""

    def __init__(self, message: str, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class Refused(TargetError):
    """The platform said no; asking again would not help."""


class NotThere(Refused):
    """There is no such service on the platform, nor perhaps the place it was looked for in."""


class StageFailed(Refused):
    """The revision never became ready."""


class Interfered(Refused):
    """Somebody else wrote to the service in the middle of our work."""


class RolledBack(Refused):
    """The platform itself has put the release back, and says why."""


class NotNow(SurefootError):
    """Refused before anything was changed."""


class LeaseHeld(NotNow):
    """Somebody else has the right to write to this environment."""


class Drift(NotNow):
    """What is live is not what the ledger says."""


class Superseded(NotNow):
    """A newer release has taken this one's place."""


class GateClosed(SurefootError):
    """A check that stands before the way out did not pass."""


class NotApproved(SurefootError):
    """A person said no, or the question was taken back."""


class TimedOut(NotApproved):
    """Nobody said yes in time, which is a no."""


class Unhealthy(SurefootError):
    """A verdict went against the release."""


class Cancelled(SurefootError):
    """A person or a signal stopped the run."""


class RollbackFailed(SurefootError):
    """The way back failed."""
