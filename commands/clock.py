"""Times as the commands write them: local time for a person, UTC with a Z for a log."""

from datetime import UTC, datetime, tzinfo


def mmss(seconds: float) -> str:
    """Return `04:18`, or `1:04:18` from an hour on."""
    minutes, rest = divmod(max(0, int(seconds)), 60)
    return f"{minutes:02}:{rest:02}" if minutes < 60 else f"{minutes // 60}:{minutes % 60:02}:{rest:02}"


def at(moment: datetime, now: datetime | None = None, zone: tzinfo | None = None) -> str:
    """Return the time of day where the reader is (`zone`: elsewhere), with its day unless that is today."""
    local = moment.astimezone(zone)
    today = (now or datetime.now(UTC)).astimezone(zone).date()
    return f"{local:%H:%M}" if local.date() == today else f"{local:%a %-d %b %H:%M}"


def day(moment: datetime, zone: tzinfo | None = None) -> str:
    """Return `2026-11-21 14:02` where the reader is."""
    return f"{moment.astimezone(zone):%Y-%m-%d %H:%M}"


def stamp(moment: datetime) -> str:
    """Return `14:02:41Z`."""
    return f"{moment.astimezone(UTC):%H:%M:%SZ}"


def rfc3339(moment: datetime) -> str:
    """Return `2026-11-21T14:02:41Z`, for machines."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
