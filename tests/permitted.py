"""What was called over a whole run of the tests, held against the permission lists of `infra/`: neither has more."""

import json
from pathlib import Path

import pytest

INFRA = Path(__file__).parent.parent / "infra"
# What our clients say of themselves; the doctor's own questions are not what a release needs.
AGENT, DOCTOR = "surefoot", "surefoot-doctor"
# The journals' names for Google's APIs, whose calls have names of their own.
GOOGLE = ("run", "monitoring")


def is_whole(config: pytest.Config) -> bool:
    """Return whether this is a run of everything that `make test` runs, and none of it was left out."""
    option = config.option
    chosen = option.keyword or option.deselect or option.collectonly or getattr(option, "lf", None)
    return not chosen and option.markexpr == "not campaign" and config.args == config.getini("testpaths")


def calls(folder: Path) -> set[str]:
    """Return what our adapters asked clouds for: `ecs:UpdateService`, and for Google's APIs `UpdateService`."""
    found = set()
    for file in folder.glob("*.json"):
        for api, method, agent in json.loads(file.read_text()):
            if AGENT in agent and DOCTOR not in agent:
                found.add(method if api in GOOGLE else f"{api}:{method}")
    return found


def listed(cloud: str) -> set[str]:
    """Return the calls that a permission list grants."""
    told = json.loads((INFRA / cloud / "permissions.json").read_text())
    return {each["call"] for each in told["calls"]}


def unlike_permissions(folder: Path) -> str:
    """Return what is called and not granted, or granted and never called; "" where the two are equal."""
    called, granted = calls(folder), listed("aws") | listed("gcp")
    said = []
    if missing := sorted(called - granted):
        said.append(f"called, but in no list of infra/: {', '.join(missing)}")
    if idle := sorted(granted - called):
        said.append(f"granted by infra/, but never called: {', '.join(idle)}")
    return "; ".join(said)
