"""Which service a file is about, without checking the file."""

from pathlib import Path

from tasks.settings.document import parse
from tasks.settings.syntax import NotYaml


def name_in(path: Path) -> str:
    """Return the service's name, or nothing when the file cannot be read."""
    try:
        name = parse(path.read_text("utf-8-sig")).get(("name",))
    except (OSError, UnicodeDecodeError, NotYaml):
        return ""
    return name if isinstance(name, str) else ""
