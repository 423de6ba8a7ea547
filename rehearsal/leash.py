"""Run a command that the kernel kills when the process that started it dies, whatever it dies of.

`python leash.py PARENT_PID COMMAND…` becomes the command. On Linux only; elsewhere the platform's own clean-up has to
do. The leash is held by the thread that starts the process: where that ends, so does the process, so start it from one
that stays. Nothing imports it: it is started by its path, and lightly, since the start of every revision waits for it.
"""

import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Tie this process to its parent, then become the command."""
    parent, command = int(sys.argv[1]), sys.argv[2:]
    if sys.platform == "linux":
        import ctypes  # noqa: PLC0415  elsewhere it would be loaded for nothing

        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:  # it died before the request above was made, so no signal will come
            sys.exit(1)
    try:
        os.execvp(command[0], command)  # noqa: S606  to become the command is the point
    except OSError as problem:
        sys.exit(f"cannot run {command[0]}: {problem.strerror}")


if __name__ == "__main__":
    main()
