"""Channels with their messages, threads and files, and what the Web API's methods do to them."""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from rehearsal.slack.blocks import mistakes

_TEXT_MAX = 40_000
_UPDATED_TEXT_MAX = 4_000
_METADATA_MAX = 16_384
_PAGE = 100
_PAGE_MAX = 999
BOT_USER, BOT_ID, TEAM = "U0SUREFOOT", "B0SUREFOOT", "T0REHEARSAL"

Message = dict[str, Any]
Arguments = Mapping[str, Any]
Answer = dict[str, Any]


class SlackError(Exception):
    """An answer with `ok: false`: Slack's word for what is wrong, and lines that explain it."""

    def __init__(self, error: str, *lines: str) -> None:
        super().__init__(error)
        self.error = error
        self.lines = lines


@dataclass(slots=True)
class Channel:
    """One channel: all its messages by ts, replies too, in the order they were posted; `is_member`: the bot is one."""

    id: str
    name: str
    is_member: bool = True
    is_private: bool = False
    messages: dict[str, Message] = field(default_factory=dict)

    def thread(self, ts: str) -> list[Message]:
        """Return a message and its replies, oldest first."""
        return [message for message in self.messages.values() if ts in (message["ts"], message.get("thread_ts"))]

    def top(self) -> list[Message]:
        """Return what stands in the channel itself, oldest first."""
        return [one for one in self.messages.values() if one.get("thread_ts", one["ts"]) == one["ts"]]


@dataclass(slots=True)
class Workspace:
    """All channels and files; one bot writes to it."""

    channels: dict[str, Channel]
    url: str = ""
    files: dict[str, Message] = field(default_factory=dict)
    contents: dict[str, bytes] = field(default_factory=dict)
    _last_us: int = 0

    @classmethod
    def of(cls, *names: str) -> "Workspace":
        """Return a workspace with channels of these names; their ids are `C0` and the name in capitals."""
        channels = [Channel(f"C0{name.upper().replace('-', '')}", name) for name in names]
        return cls({channel.id: channel for channel in channels})

    def channel(self, asked_for: Any) -> Channel:
        """Return a channel by id, `name` or `#name`; SlackError channel_not_found when there is none."""
        name = str(asked_for or "").removeprefix("#")
        for channel in self.channels.values():
            if name in (channel.id, channel.name):
                return channel
        raise SlackError("channel_not_found")

    def methods(self) -> dict[str, Callable[[Arguments], Answer]]:
        """Return the Web API's methods by name."""
        return {
            "auth.test": self.auth_test,
            "chat.postMessage": self.post,
            "chat.update": self.update,
            "chat.getPermalink": self.permalink,
            "conversations.history": self.history,
            "conversations.info": self.info,
            "conversations.list": self.listing,
            "conversations.replies": self.replies,
            "files.getUploadURLExternal": self.begin_upload,
            "files.completeUploadExternal": self.complete_upload,
        }

    def auth_test(self, _arguments: Arguments) -> Answer:
        """Say who the token belongs to."""
        return {
            "url": self.url,
            "team": "rehearsal",
            "team_id": TEAM,
            "user": "surefoot",
            "user_id": BOT_USER,
            "bot_id": BOT_ID,
        }

    def post(self, arguments: Arguments) -> Answer:
        """Post a message in a channel or thread."""
        channel = self.channel(arguments.get("channel"))
        if not channel.is_member:
            raise SlackError("channel_not_found" if channel.is_private else "not_in_channel")
        content = _content(arguments, _TEXT_MAX)
        message = self._add(channel, content, arguments.get("thread_ts"))
        return {"channel": channel.id, "ts": message["ts"], "message": message}

    def update(self, arguments: Arguments) -> Answer:
        """Edit a message in place; blocks and metadata that are not given again stay."""
        channel = self.channel(arguments.get("channel"))
        message = channel.messages.get(str(arguments.get("ts")))
        if message is None:
            raise SlackError("message_not_found")
        content = _content({"blocks": message["blocks"], **arguments}, _UPDATED_TEXT_MAX)
        message.update(content)
        message["edited"] = {"user": BOT_USER, "ts": self._stamp()}
        return {"channel": channel.id, "ts": message["ts"], "text": message["text"], "message": message}

    def permalink(self, arguments: Arguments) -> Answer:
        """Return the address of a message."""
        channel = self.channel(arguments.get("channel"))
        ts = str(arguments.get("message_ts"))
        if ts not in channel.messages:
            raise SlackError("message_not_found")
        return {"channel": channel.id, "permalink": f"{self.url}channels/{channel.name}#p{ts.replace('.', '')}"}

    def info(self, arguments: Arguments) -> Answer:
        """Return what a channel is; by its id alone, as everywhere but in chat.postMessage."""
        channel = self.channels.get(str(arguments.get("channel")))
        if channel is None or (channel.is_private and not channel.is_member):
            raise SlackError("channel_not_found")
        return {"channel": _told(channel)}

    def listing(self, arguments: Arguments) -> Answer:
        """List the channels of the types asked for; private ones only where the bot is."""
        kinds = str(arguments.get("types") or "public_channel").split(",")
        seen = [channel for channel in self.channels.values() if channel.is_member or not channel.is_private]
        told = [_told(each) for each in seen if ("public_channel", "private_channel")[each.is_private] in kinds]
        return {"channels": told, "response_metadata": {"next_cursor": ""}}

    def history(self, arguments: Arguments) -> Answer:
        """Return a channel's messages without replies, newest first."""
        newest_first = list(reversed(self.channel(arguments.get("channel")).top()))
        return _page(newest_first, arguments)

    def replies(self, arguments: Arguments) -> Answer:
        """Return a thread, its first message first."""
        channel = self.channel(arguments.get("channel"))
        ts = str(arguments.get("ts"))
        if ts not in channel.messages:
            raise SlackError("thread_not_found")
        return _page(channel.thread(ts), arguments)

    def begin_upload(self, arguments: Arguments) -> Answer:
        """Give out an address to upload a file to."""
        name, length = str(arguments.get("filename") or ""), int(arguments.get("length") or 0)
        if not name or length <= 0:
            raise SlackError("invalid_arguments", "[ERROR] filename and a length above 0 are required")
        file_id = f"F0{len(self.files) + 1:06d}"
        self.files[file_id] = {"id": file_id, "name": name, "title": name, "size": length}
        return {"upload_url": f"{self.url}upload/v1/{file_id}", "file_id": file_id}

    def complete_upload(self, arguments: Arguments) -> Answer:
        """Share uploaded files in a channel or thread."""
        asked_for = _json(arguments.get("files"))
        if not isinstance(asked_for, list) or not all(one.get("id") in self.contents for one in asked_for):
            raise SlackError("file_not_found")
        files = [self.files[one["id"]] for one in asked_for]
        for file, one in zip(files, asked_for, strict=True):
            file["title"] = one.get("title") or file["name"]
            file["permalink"] = file["url_private"] = f"{self.url}files/{file['id']}"
        if arguments.get("channel_id"):
            channel = self.channel(arguments["channel_id"])
            content = {"text": str(arguments.get("initial_comment") or ""), "files": files}
            self._add(channel, content, arguments.get("thread_ts"))
        return {"files": files}

    def _add(self, channel: Channel, content: Message, thread_ts: Any) -> Message:
        if thread_ts and str(thread_ts) not in channel.messages:
            raise SlackError("thread_not_found")
        ts = self._stamp()
        message = {"type": "message", "user": BOT_USER, "bot_id": BOT_ID, "team": TEAM, "ts": ts, **content}
        if thread_ts:
            parent = channel.messages[str(thread_ts)]
            root = str(parent.get("thread_ts", parent["ts"]))
            message["thread_ts"] = root
            first = channel.messages[root]
            first["thread_ts"], first["reply_count"], first["latest_reply"] = root, first.get("reply_count", 0) + 1, ts
        channel.messages[ts] = message
        return message

    def _stamp(self) -> str:
        self._last_us = max(time.time_ns() // 1000, self._last_us + 1)
        return f"{self._last_us // 1_000_000}.{self._last_us % 1_000_000:06d}"


def _told(channel: Channel) -> Answer:
    kind = {"is_channel": True, "is_private": channel.is_private, "is_archived": False}
    return {"id": channel.id, "name": channel.name, "is_member": channel.is_member, **kind}


def _content(arguments: Arguments, text_max: int) -> Message:
    text, blocks = str(arguments.get("text") or ""), _json(arguments.get("blocks"))
    if not text and not blocks and not arguments.get("attachments"):
        raise SlackError("no_text")
    if len(text) > text_max:
        raise SlackError("msg_too_long")
    found = mistakes(blocks) if blocks is not None else []
    if found:
        raise SlackError("invalid_blocks", *found)
    content = {"text": text, "blocks": blocks or []}
    metadata = _json(arguments.get("metadata"))
    if metadata is not None:
        content["metadata"] = _checked_metadata(metadata)
    return content


def _checked_metadata(metadata: Any) -> Any:
    if (
        not isinstance(metadata, dict)
        or not isinstance(metadata.get("event_type"), str)
        or "event_payload" not in metadata
    ):
        raise SlackError("invalid_metadata_format")
    if len(json.dumps(metadata)) > _METADATA_MAX:
        raise SlackError("metadata_too_large")
    return metadata


def _page(messages: list[Message], arguments: Arguments) -> Answer:
    """Return one page of messages in the given order, within `oldest` and `latest`."""
    oldest, latest = str(arguments.get("oldest") or ""), str(arguments.get("latest") or "")
    inclusive, whole = _true(arguments.get("inclusive")), _true(arguments.get("include_all_metadata"))
    limit = min(int(arguments.get("limit") or _PAGE), _PAGE_MAX)
    found = [one for one in messages if _within(one["ts"], oldest, latest, inclusive=inclusive)]
    start = int(arguments.get("cursor") or 0)
    page = [
        one if whole else {key: one[key] for key in one if key != "metadata"} for one in found[start : start + limit]
    ]
    more = start + limit < len(found)
    cursor = str(start + limit) if more else ""
    return {"messages": page, "has_more": more, "response_metadata": {"next_cursor": cursor}}


def _within(ts: str, oldest: str, latest: str, *, inclusive: bool) -> bool:
    if ts in (oldest, latest):
        return inclusive
    return (not oldest or float(ts) > float(oldest)) and (not latest or float(ts) < float(latest))


def _json(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value) if value else None
    except ValueError as problem:
        raise SlackError("invalid_arguments", f"[ERROR] not JSON: {problem}") from problem


def _true(value: Any) -> bool:
    return str(value).lower() in ("1", "true")
