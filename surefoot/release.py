"""What we want running, and what a target made of it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_COMMIT = re.compile(r"[0-9a-fA-F]{7,64}")
_REPOSITORY = re.compile(r"[a-z0-9][a-z0-9._:/-]*[a-z0-9]")
# Cloud Run: "<service>-<suffix>", lower case, at most 63 characters in all.
_REVISION_NAME_MAX = 63
# A commit's and a digest's start always have room; ECS services may have longer names than this.
_SERVICE_ID_MAX = 49


@dataclass(frozen=True, slots=True)
class Image:
    """A container image, always by digest: a tag can be moved, a digest cannot."""

    repository: str
    digest: str

    @classmethod
    def parse(cls, text: str) -> "Image":
        """Read `repository@sha256:<64 hex digits>`; ValueError says what is missing."""
        repository, at, digest = text.partition("@")
        if not at:
            raise ValueError(f"{text!r} has no digest; write {text}@sha256:…, since a tag can be moved")
        if not _DIGEST.fullmatch(digest):
            raise ValueError(f"{digest!r} is not a digest; it is sha256: and 64 hexadecimal digits")
        if not _REPOSITORY.fullmatch(repository):
            raise ValueError(f"{repository!r} is not a repository; write registry/path/name in lower case")
        return cls(repository, digest)

    def __str__(self) -> str:
        return f"{self.repository}@{self.digest}"


def commit_problem(text: str) -> str:
    """Return why this is not a commit's hash, "" where it is one."""
    return "" if _COMMIT.fullmatch(text) else f"{text!r} is not a commit's hash: 7 to 64 hexadecimal digits"


@dataclass(frozen=True, slots=True)
class Commit:
    """One commit of what a release brings: its hash, first line and author."""

    sha: str
    title: str
    author: str = ""


@dataclass(frozen=True, slots=True)
class Release:
    """A service at one image digest, version and commit."""

    service: str
    image: Image
    version: str
    commit: str
    title: str = ""
    commits: tuple[Commit, ...] = ()

    @property
    def id(self) -> str:
        """Return the name that stays the same however often the release is asked for."""
        return f"{self.service}-{_slug(self.version)}-{self.commit[:7].lower()}-{self.image.digest[7:13]}"

    @property
    def short(self) -> str:
        """Return how people say it: `shop 1.9.0`."""
        return f"{self.service} {self.version}"

    def revision_name(self, service_id: str) -> str:
        """Return the revision's name on a target: the same release gives the same name, so a replay finds its own.

        The digest's start is in it, since two images may carry one version; where room is short, the version is cut.
        """
        service_id = service_id[:_SERVICE_ID_MAX]
        room = _REVISION_NAME_MAX - len(service_id) - 1
        tail = f"{self.commit[:7].lower()}-{self.image.digest[7:13]}"[-room:].strip("-")
        version = _slug(self.version)[: max(0, room - len(tail) - 1)].strip("-")
        return "-".join(part for part in (service_id, version, tail) if part)


@dataclass(frozen=True, slots=True)
class Address:
    """Where requests go: a URL, and the headers (name, value) that lead to one revision where the URL does not."""

    url: str
    headers: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        return self.url + "".join(f" with {name}: {value}" for name, value in self.headers)


@dataclass(frozen=True, slots=True)
class Revision:
    """What a target made of a release: `preview` reaches it alone, without user traffic, if anything does.

    `labels` are what the platform's own metrics know it by, besides its name (ECS: its target group).
    """

    name: str
    image: str
    ready: bool
    preview: Address | None = None
    reason: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)


def _slug(version: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", version.lower()).strip("-") or "0"
