"""A channel as people would see it: one plain page that reloads itself."""

import html
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from rehearsal.slack.channel import Channel, Message

_EMOJI = {
    "white_check_mark": "✅",
    "warning": "⚠️",
    "x": "❌",
    "rewind": "⏪",
    "leftwards_arrow_with_hook": "↩",
    "rocket": "🚀",
    "hourglass_flowing_sand": "⏳",
    "rotating_light": "🚨",
    # Drawn, since a machine without an emoji font would show a box, and these carry the meaning.
    **{
        f"{name}_circle": f'<span style="color:{colour}">⬤</span>'
        for name, colour in {
            "large_green": "#2eb67d",
            "large_yellow": "#ecb22e",
            "large_orange": "#e8912d",
            "large_red": "#e01e5a",
            "red": "#e01e5a",
            "large_blue": "#1d9bd1",
            "white": "#bbb",
        }.items()
    },
}
_TOKEN = re.compile(r"```(?P<block>.+?)```|`(?P<code>[^`\n]+)`|<(?P<link>[^<>\n]+)>", re.DOTALL)
_STYLES = (
    (re.compile(r"(?<![\w*])\*(\S(?:[^*\n]*\S)?)\*(?![\w*])"), r"<b>\1</b>"),
    (re.compile(r"(?<![\w_])_(\S(?:[^_\n]*\S)?)_(?![\w_])"), r"<i>\1</i>"),
    (re.compile(r"(?<![\w~])~(\S(?:[^~\n]*\S)?)~(?![\w~])"), r"<s>\1</s>"),
)
_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta http-equiv="refresh" content="2"><title>#{name}</title><style>
:root {{ color-scheme: light dark; font: 15px/1.45 system-ui, sans-serif; --line: #8884; --dim: #888 }}
body {{ max-width: 46rem; margin: 0 auto; padding: 1rem }}
nav a {{ margin-right: 1rem; color: inherit }} nav a.here {{ font-weight: 600 }}
article {{ border-top: 1px solid var(--line); padding: .7rem 0 }} article h3 {{ font-size: 1.15rem; margin: .2rem 0 }}
.who {{ color: var(--dim); font-size: .8rem }} .context {{ color: var(--dim); font-size: .85rem }}
.thread {{ margin-left: 1rem; border-left: 3px solid var(--line); padding-left: .8rem }} .thread article {{ border: 0 }}
code, pre {{ background: #8882; border-radius: 3px; padding: .1em .3em }} pre {{ padding: .6em; overflow-x: auto }}
section {{ white-space: pre-wrap; margin: .25rem 0 }} img {{ max-width: 100% }} a {{ color: #2f7fd0 }}
</style></head><body><nav>{nav}</nav><main>{messages}</main></body></html>
"""


def channel_page(channel: Channel, channels: Iterable[Channel]) -> str:
    """Return a channel's page, newest message first, each with its thread."""
    nav = "".join(
        f'<a href="/channels/{one.name}"{" class=here" if one is channel else ""}>#{html.escape(one.name)}</a>'
        for one in channels
    )
    messages = "".join(_with_thread(channel, message) for message in reversed(channel.top()))
    return _PAGE.format(name=html.escape(channel.name), nav=nav, messages=messages or "<p>Nothing yet.</p>")


def mrkdwn(text: str) -> str:
    """Return Slack's mark-up as HTML; nothing in it can be mark-up of the page's own."""
    # Styles reach over links, times and code, so these stand aside while the text is styled.
    aside: list[str] = []

    def put_aside(token: re.Match[str]) -> str:
        aside.append(_special(token))
        return f"\0{len(aside) - 1}\0"

    styled = _styled(_TOKEN.sub(put_aside, text.replace("\0", "")))
    return re.sub("\0(\\d+)\0", lambda place: aside[int(place[1])], styled)


def _with_thread(channel: Channel, message: Message) -> str:
    replies = [one for one in channel.thread(message["ts"]) if one is not message]
    thread = f'<div class="thread">{"".join(map(_message, replies))}</div>' if replies else ""
    return _message(message) + thread


def _message(message: Message) -> str:
    at = datetime.fromtimestamp(float(message["ts"]), UTC).astimezone()
    edited = " (edited)" if "edited" in message else ""
    body = "".join(map(_block, message.get("blocks") or ())) or f"<section>{mrkdwn(message['text'])}</section>"
    files = "".join(map(_file, message.get("files", ())))
    anchor = f"p{message['ts'].replace('.', '')}"
    who = f'<div class="who">Surefoot · {at:%H:%M:%S}{edited}</div>'
    return f'<article id="{anchor}">{who}{body}{files}</article>'


def _block(block: dict[str, Any]) -> str:
    kind = block["type"]
    if kind == "divider":
        return "<hr>"
    if kind == "header":
        return f"<h3>{_styled(block['text']['text'])}</h3>"
    if kind == "context":
        texts = [_text(element) for element in block["elements"] if "text" in element]
        return f'<section class="context">{"  ".join(texts)}</section>'
    texts = [_text(text) for text in (block.get("text"), *block.get("fields", ())) if isinstance(text, dict)]
    return f"<section>{'<br>'.join(texts)}</section>"


def _text(text: dict[str, Any]) -> str:
    return mrkdwn(text["text"]) if text["type"] == "mrkdwn" else html.escape(text["text"])


def _file(file: dict[str, Any]) -> str:
    address, title = html.escape(file["permalink"]), html.escape(file["title"])
    picture = f'<br><img src="{address}" alt="{title}">' if file["name"].endswith(".png") else ""
    return f'<p><a href="{address}">{title}</a>{picture}</p>'


def _special(token: re.Match[str]) -> str:
    if token["block"]:
        return f"<pre>{_plain(token['block'].strip())}</pre>"
    if token["code"]:
        return f"<code>{_plain(token['code'])}</code>"
    address, _, label = token["link"].partition("|")
    if address.startswith("!date"):
        return _plain(label)
    if not address.startswith(("http://", "https://", "mailto:")):
        return f"<b>{_plain(label or address)}</b>"
    return f'<a href="{_plain(address)}">{_plain(label or address)}</a>'


def _styled(text: str) -> str:
    plain = re.sub(r":([a-z0-9_+-]+):", lambda name: _EMOJI.get(name[1], name[0]), _plain(text))
    for pattern, replacement in _STYLES:
        plain = pattern.sub(replacement, plain)
    return plain


def _plain(text: str) -> str:
    return html.escape(html.unescape(text))
