"""The service file that `surefoot init` writes: one text for all platforms, and what is proposed on each."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from surefoot.target import Live

# What a person has to decide; `surefoot validate` names each line that still has it.
MARK = "TODO"
_NAME_MAX, _STAGING_MAX = 50, 37
# Of a line, behind its indentation.
_WIDTH = 116
# What every reader of YAML takes for text as it stands.
_PLAIN = re.compile(r"[A-Za-z][\w./:-]*")
_NO_TEXT = {"true", "false", "yes", "no", "on", "off", "null", "y", "n"}


@dataclass(frozen=True, slots=True)
class Proposal:
    """How a release may climb on a platform: settings that its target needs for it, and the rollouts as written.

    `asks` is what nobody can read from the platform then, written above each target; `checked` says when checks are
    made.
    """

    staging: str
    production: str
    settings: Mapping[str, str] = field(default_factory=dict)
    asks: str = ""
    checked: str = "first through the preview address, before any user is there, then by the public one"

    def answers(self, refusal: str) -> bool:
        """Return whether a platform's refusal names a setting of this proposal as what would do."""
        return any(f"{key}: {value}" in refusal for key, value in self.settings.items() if value)


@dataclass(frozen=True, slots=True)
class Found:
    """What was read: from which platform, the place on it, what is live there, and the calls it took."""

    service: str
    called: str
    settings: Mapping[str, str]
    proposal: Proposal
    live: "Live"
    calls: tuple[str, ...]

    @property
    def image(self) -> str:
        """Return the image of the revision that most users are on."""
        revision = self.live.revisions.get(self.live.traffic.main)
        return revision.image if revision else ""


def service_file(found: Found) -> str:
    """Return the text of the service file, annotated; what nobody can read from a cloud is marked."""
    return _TEMPLATE.format(
        name=_scalar(_name(found.service)),
        called=found.called,
        traffic=found.live.traffic,
        url=found.live.url or "no address",
        image=found.image or "unknown",
        checked=found.proposal.checked,
        asks=found.proposal.asks,
        target=_target(found.settings),
        staging_target=_target({**found.settings, "service": _staging(found.service)}),
        staging=found.proposal.staging,
        production=found.proposal.production,
    )


def todo(text: str) -> list[tuple[int, str]]:
    """Return the lines that are marked, with what is asked."""
    lines = enumerate(text.splitlines(), 1)
    return [(number, line.partition(f"# {MARK} ")[2]) for number, line in lines if f"# {MARK} " in line]


def _name(service: str) -> str:
    """Return what the service is called in Surefoot, where names are of small letters, digits and hyphens."""
    name = re.sub(r"[^a-z0-9-]+", "-", service.lower()).strip("-")
    return (name if name[:1].isalpha() else f"service-{name}")[:_NAME_MAX].rstrip("-")


def _staging(service: str) -> str:
    return f"{service.removesuffix('-production')[: _STAGING_MAX - len('-staging')].rstrip('-')}-staging"


def _target(settings: Mapping[str, str]) -> str:
    """Return a target on one line, or on one for each of its settings where they are too many for that."""
    written = [f"{key}: {_scalar(value)}" for key, value in settings.items()]
    line = f"target: {{{', '.join(written)}}}"
    return line if len(line) <= _WIDTH else "\n      ".join(["target:", *written])


def _scalar(text: str) -> str:
    return text if _PLAIN.fullmatch(text) and text.lower() not in _NO_TEXT else json.dumps(text)


_VERIFIED = """\
      compare: 2m # side by side with what runs there now, by preview address
      steps:
        - {traffic: 100%, watch: 2m}"""
_JUDGED = """\
      bake: 15m # at 100 %, with the old revision still ready
      look: 5s
      probes_per_second: 5
      harm: # what must not get through; `surefoot plan` says what this plan can see
        error_rate: 2%
        latency: 25%"""
# Users are split by any percent.
SPLIT = Proposal(
    staging=_VERIFIED,
    production=f"""\
      compare: 2m
      steps: # the new release's share of the users, and how long to look before going on
        - {{traffic: 5%, watch: 10m}}
        - {{traffic: 25%, watch: 10m}}
        - {{traffic: 50%, watch: 10m}}
        - {{traffic: 100%, watch: 5m}}
{_JUDGED}""",
)
# Users are split by the platform itself, which has strategies of its own.
STEPPED = Proposal(
    staging=_VERIFIED,
    production=f"""\
      compare: 2m
      # The new release's share of the users, and how long to look before going on. ECS climbs in one step and then all
      # (CANARY), as here; in equal steps, such as 25%, 50%, 75%, 100% (LINEAR); or all at once (BLUE_GREEN).
      steps:
        - {{traffic: 10%, watch: 15m}}
        - {{traffic: 100%, watch: 5m}}
{_JUDGED}""",
)
_ALL_AT_ONCE = """\
      steps: # ECS replaces the tasks: users are not split, so nothing can be compared
        - {traffic: 100%, watch: 0s}"""
# Nothing splits users.
REPLACED = Proposal(
    staging=_ALL_AT_ONCE,
    production=_ALL_AT_ONCE,
    settings={"strategy": "rolling", "url": ""},
    asks="    # TODO address: where do users reach it? No load balancer says so; url is what the checks are made at.\n",
    checked="by the public address, when users are there already",
)

_TEMPLATE = """\
# yaml-language-server: $schema=service-file.schema.json
#
# What is deployed, where to, how it climbs, and what has to be true on the way. `surefoot validate` checks it;
# `surefoot schema > service-file.schema.json` beside it gives completion in editors.
#
# Read from {called}: {traffic}, at {url}
# image {image}

name: {name}

# Checked in every environment: {checked}.
checks:
  - name: front page
    path: / # TODO smoke: which address says that the service works?
    expect: [status == 200, time < 2s]

environments:
  staging:
    # TODO staging: which service is it? Releases are verified there first.
{asks}    {staging_target}
    rollout:
{staging}

  production:
{asks}    {target}
    rollout:
{production}
    approval:
      approvers: [] # TODO approvers: who may say yes? Empty: anybody who can open the form.
      within: 3d
"""
