"""The limits of Block Kit, as the Web API enforces them."""

from collections.abc import Iterator
from typing import Any

_BLOCKS_MAX = 50
_HEADER_MAX = 150
_SECTION_MAX = 3000
_FIELD_MAX = 2000
_FIELDS_MAX = 10
_ELEMENTS_MAX = {"context": 10, "actions": 25}
_BLOCK_ID_MAX = 255
_ALT_TEXT_MAX = 2000
_KNOWN = (
    "actions",
    "context",
    "divider",
    "file",
    "header",
    "image",
    "input",
    "markdown",
    "rich_text",
    "section",
    "video",
)


def mistakes(blocks: Any) -> list[str]:
    """Return what is wrong with a message's blocks, each with its place; nothing when they would be accepted."""
    if not isinstance(blocks, list):
        return ["must be an array [json-pointer:/blocks]"]
    found = [f"no more than {_BLOCKS_MAX} items allowed [json-pointer:/blocks]"] if len(blocks) > _BLOCKS_MAX else []
    for at, block in enumerate(blocks):
        found += _block(block, f"/blocks/{at}")
    return found


def _block(block: Any, at: str) -> Iterator[str]:
    kind = block.get("type") if isinstance(block, dict) else None
    if kind not in _KNOWN:
        yield f"unsupported type: {kind} [json-pointer:{at}/type]"
        return
    if len(block.get("block_id", "")) > _BLOCK_ID_MAX:
        yield f"must be less than {_BLOCK_ID_MAX + 1} characters [json-pointer:{at}/block_id]"
    if kind == "header":
        yield from _text(block.get("text"), f"{at}/text", _HEADER_MAX, ("plain_text",))
    elif kind == "section":
        yield from _section(block, at)
    elif kind == "image":
        yield from _image(block, at)
    elif kind in _ELEMENTS_MAX:
        yield from _elements(block, at, _ELEMENTS_MAX[kind])


def _section(block: dict[str, Any], at: str) -> Iterator[str]:
    fields = block.get("fields", [])
    if "text" not in block and not fields:
        yield f"missing required field: text [json-pointer:{at}]"
    if "text" in block:
        yield from _text(block["text"], f"{at}/text", _SECTION_MAX)
    if len(fields) > _FIELDS_MAX:
        yield f"no more than {_FIELDS_MAX} items allowed [json-pointer:{at}/fields]"
    for number, one in enumerate(fields):
        yield from _text(one, f"{at}/fields/{number}", _FIELD_MAX)


def _image(block: dict[str, Any], at: str) -> Iterator[str]:
    if not block.get("alt_text"):
        yield f"missing required field: alt_text [json-pointer:{at}]"
    elif len(block["alt_text"]) > _ALT_TEXT_MAX:
        yield f"must be less than {_ALT_TEXT_MAX + 1} characters [json-pointer:{at}/alt_text]"
    if not block.get("image_url") and not block.get("slack_file"):
        yield f"missing required field: image_url [json-pointer:{at}]"


def _elements(block: dict[str, Any], at: str, most: int) -> Iterator[str]:
    elements = block.get("elements", [])
    if not elements:
        yield f"must have at least 1 item [json-pointer:{at}/elements]"
    if len(elements) > most:
        yield f"no more than {most} items allowed [json-pointer:{at}/elements]"
    for number, element in enumerate(elements):
        if isinstance(element, dict) and element.get("type") in ("mrkdwn", "plain_text"):
            yield from _text(element, f"{at}/elements/{number}", _SECTION_MAX)


def _text(text: Any, at: str, most: int, kinds: tuple[str, ...] = ("mrkdwn", "plain_text")) -> Iterator[str]:
    if not isinstance(text, dict) or text.get("type") not in kinds:
        yield f"must be one of {', '.join(kinds)} [json-pointer:{at}/type]"
        return
    length = len(str(text.get("text", "")))
    if length == 0:
        yield f"must be more than 0 characters [json-pointer:{at}/text]"
    if length > most:
        yield f"must be less than {most + 1} characters [json-pointer:{at}/text]"
