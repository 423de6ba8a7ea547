"""What a registry holds: manifests by their digest, tags that point to them, and the blobs they name."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
_CONFIG = "application/vnd.oci.image.config.v1+json"
_LAYER = "application/vnd.oci.image.layer.v1.tar"
# A tar file with nothing in it: what runs is the interpreter of this machine.
_EMPTY_TAR = bytes(10_240)


@dataclass(frozen=True, slots=True)
class Manifest:
    """A manifest's type and bytes; its digest is that of the bytes, unless the catalogue gives it another name."""

    media_type: str
    body: bytes = field(repr=False)
    digest: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "digest", self.digest or digest_of(self.body))


@dataclass(slots=True)
class Repository:
    """The manifests, tags and blobs under one name."""

    manifests: dict[str, Manifest] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    blobs: dict[str, bytes] = field(default_factory=dict)

    def put(self, manifest: Manifest, tag: str = "") -> str:
        """Keep a manifest, point a tag to it if given, and return its digest."""
        self.manifests[manifest.digest] = manifest
        if tag:
            self.tags[tag] = manifest.digest
        return manifest.digest

    def put_image(self, entry: Mapping[str, Any], digest: str = "") -> str:
        """Keep the image of a catalogue's entry under its tag, and return its digest."""
        config, manifest = image(entry)
        self.blobs |= {digest_of(blob): blob for blob in (config, _EMPTY_TAR)}
        return self.put(Manifest(MANIFEST, manifest.body, digest), entry["tag"])

    def find(self, reference: str) -> Manifest | None:
        """Return the manifest of a tag or a digest."""
        return self.manifests.get(self.tags.get(reference, reference))


def image(entry: Mapping[str, Any]) -> tuple[bytes, Manifest]:
    """Return the config blob and the manifest of an image, given its image, tag, command and env."""
    labels = {"org.opencontainers.image.title": entry["image"], "org.opencontainers.image.version": entry["tag"]}
    started = {
        "Entrypoint": list(entry["command"]),
        "Env": [f"{name}={value}" for name, value in sorted(entry["env"].items())],
        "Labels": labels,
    }
    config = _json(
        {
            "architecture": "amd64",
            "os": "linux",
            "config": started,
            "rootfs": {"type": "layers", "diff_ids": [digest_of(_EMPTY_TAR)]},
        }
    )
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": _descriptor(_CONFIG, config),
        "layers": [_descriptor(_LAYER, _EMPTY_TAR)],
    }
    return config, Manifest(MANIFEST, _json(manifest))


def index(manifests: Sequence[Manifest], architectures: Sequence[str], media_type: str = INDEX) -> Manifest:
    """Return the manifest that names one manifest for each architecture."""
    named = [
        {**_descriptor(each.media_type, each.body), "platform": {"os": "linux", "architecture": architecture}}
        for each, architecture in zip(manifests, architectures, strict=True)
    ]
    return Manifest(media_type, _json({"schemaVersion": 2, "mediaType": media_type, "manifests": named}))


def digest_of(body: bytes) -> str:
    """Return `sha256:…` of bytes."""
    return f"sha256:{hashlib.sha256(body).hexdigest()}"


def _descriptor(media_type: str, body: bytes) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": digest_of(body), "size": len(body)}


def _json(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
