"""Tags: their limits, and how a resource's list of them changes."""

import re
from collections.abc import Sequence

from rehearsal.ecs.refusals import invalid

Tags = dict[str, str]
_MOST = 50
_KEY_LENGTH = 128
_VALUE_LENGTH = 256
# Letters and digits of any script, spaces, and + - = . _ : / @
_ALLOWED = re.compile(r"[\w +\-=.:/@]*")


def read(listed: Sequence[dict[str, str]] | None) -> Tags:
    """Return the tags of a request by key; Refusal for what AWS does not take."""
    return merged({}, listed)


def merged(tags: Tags, listed: Sequence[dict[str, str]] | None) -> Tags:
    """Return tags with others put over them."""
    result = dict(tags)
    for one in listed or ():
        key, value = one.get("key", ""), one.get("value", "")
        _check(key, value)
        result[key] = value
    if len(result) > _MOST:
        raise invalid(f"Too many tags: a resource can have at most {_MOST}.")
    return result


def told(tags: Tags) -> list[dict[str, str]]:
    """Return tags as answers list them."""
    return [{"key": key, "value": value} for key, value in tags.items()]


def _check(key: str, value: str) -> None:
    if not 1 <= len(key) <= _KEY_LENGTH:
        raise invalid(f"Tag key length must be between 1 and {_KEY_LENGTH} characters.")
    if len(value) > _VALUE_LENGTH:
        raise invalid(f"Tag value length must be at most {_VALUE_LENGTH} characters.")
    if key.lower().startswith("aws:"):
        raise invalid("Tag keys that begin with aws: are reserved for system use.")
    for text in (key, value):
        if not _ALLOWED.fullmatch(text):
            raise invalid(
                f"Invalid characters in tag {text!r}. Allowed are letters, digits, spaces and + - = . _ : / @"
            )
