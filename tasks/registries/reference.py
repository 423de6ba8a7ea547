"""What people write for an image, read as Docker reads it: host, path, tag, digest."""

import re
from dataclasses import dataclass

from surefoot.errors import ConfigError
from surefoot.release import Image

_HUB = "docker.io"
# Docker Hub answers at another name than its images carry.
_API_HOSTS = {_HUB: "registry-1.docker.io"}
_HOST = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*(:[0-9]{1,5})?")
_PART = r"[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*"
_PATH = re.compile(rf"{_PART}(/{_PART})*")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
_PATH_MAX = 255
_RIGHT = "write registry/path/name:tag or registry/path/name@sha256:…"


@dataclass(frozen=True, slots=True)
class Reference:
    """An image by its registry's host, its path there, and a tag or a digest; the digest is what counts of the two."""

    host: str
    path: str
    tag: str = ""
    digest: str = ""

    @classmethod
    def parse(cls, text: str) -> "Reference":
        """Read `nginx:1.27`, `ghcr.io/shop/web:1.9.0` or `…@sha256:…`; ConfigError says what would be right."""
        named, at, digest = text.partition("@")
        repository, colon, tag = named.rpartition(":") if ":" in named.rpartition("/")[2] else (named, "", "")
        if at:
            _digest_checked(text, digest)
        elif not colon:
            raise ConfigError(f"{text!r} has neither tag nor digest; {_RIGHT}")
        if colon and not _TAG.fullmatch(tag):
            raise ConfigError(f"{text!r}: {tag!r} is not a tag; at most 128 of letters, digits, _ . and -")
        host, path = _placed(repository)
        if not _HOST.fullmatch(host) or not _PATH.fullmatch(path) or len(path) > _PATH_MAX:
            raise ConfigError(
                f"{text!r}: {repository!r} is not a repository; {_RIGHT}, in lower case, without https://"
            )
        return cls(host, path, tag, digest)

    @classmethod
    def of(cls, image: Image) -> "Reference":
        """Return the reference of a release's image."""
        return cls.parse(str(image))

    @property
    def repository(self) -> str:
        """Return host and path: what platforms pull from."""
        return f"{self.host}/{self.path}"

    @property
    def api_host(self) -> str:
        """Return the host that answers for the registry."""
        return _API_HOSTS.get(self.host, self.host)

    def __str__(self) -> str:
        return f"{self.repository}@{self.digest}" if self.digest else f"{self.repository}:{self.tag}"


def _placed(repository: str) -> tuple[str, str]:
    """Return host and path; a first part without dot or port is a name on Docker Hub."""
    first, slash, rest = repository.partition("/")
    if not slash or not ("." in first or ":" in first or first == "localhost"):
        first, rest = _HUB, repository
    if first in (_HUB, "index.docker.io", *_API_HOSTS.values()):
        return _HUB, rest if "/" in rest else f"library/{rest}"
    return first, rest


def _digest_checked(text: str, digest: str) -> None:
    try:
        Image.parse(f"any@{digest}")
    except ValueError as problem:
        raise ConfigError(f"{text!r}: {problem}") from problem
