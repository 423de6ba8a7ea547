"""What is new to users: the commits of everything that staging was asked for since they last got a release."""

from sqlalchemy import Connection

from surefoot.release import Commit, Release
from tasks.store import releases, rollouts
from tasks.store.releases import Asked

_EARLIER = "staging"


def since_last(connection: Connection, asked: Asked) -> tuple[tuple[Commit, ...], Release | None]:
    """Return the commits, each once and the newest first, and the release that users have, if it is known.

    One that staging put back again is among them: what it brought comes along with the releases after it.
    """
    last = rollouts.last_promoted(connection, asked.key)
    has = last.release if last is not None else None
    earlier = f"{asked.release.service}/{_EARLIER}"
    brought = (asked.release, *releases.between(connection, earlier, has.id if has else "", asked.release.id))
    return tuple({commit.sha: commit for release in brought for commit in release.commits}.values()), has
