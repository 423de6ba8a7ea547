"""What is said of what was raised, where it is a mistake or the machine's refusal: one sentence, and the exit code."""

import errno

import click

from commands import exits
from surefoot.errors import SurefootError

# What a machine runs out of, whichever file was being written: no bug of ours, and no name of a file beside it.
_OUT_OF = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EMFILE, errno.ENFILE, errno.ENOMEM}
_WRITING = {errno.ENOSPC, errno.EDQUOT, errno.EROFS}


def sentence(problem: Exception) -> tuple[str, int] | None:
    """Return what to say and the exit code; None for what can only be a bug."""
    if isinstance(problem, click.ClickException):
        return problem.format_message(), problem.exit_code
    if isinstance(problem, SurefootError):
        return str(problem), exits.exit_code(problem)
    if isinstance(problem, OSError) and (said := _of_the_machine(problem)):
        return said, exits.UNEXPECTED
    return None


def _of_the_machine(problem: OSError) -> str:
    why = problem.strerror or type(problem).__name__
    if isinstance(problem.filename, str | bytes):
        doing = "write" if problem.errno in _WRITING else "read or write"
        path = problem.filename if isinstance(problem.filename, str) else problem.filename.decode(errors="replace")
        return f"cannot {doing} {path}: {why}"
    return f"this machine refused: {why}" if problem.errno in _OUT_OF else ""
