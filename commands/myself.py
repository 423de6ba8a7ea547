"""Who types: recorded where no Prefect run does the work."""

import getpass
import os
import socket
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tasks.site import Run


def this_person() -> "Run":
    """Return `ana@laptop` as the one at work."""
    from tasks.site import Run  # noqa: PLC0415 (--help does without)

    return Run(f"{_user()}@{socket.gethostname()}")


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container's user without a name
        return f"user {os.getuid()}"
