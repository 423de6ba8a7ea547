"""A service file to make mistakes in."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tasks.settings.mistake import Mistake
from tasks.settings.reading import read

GOOD = """\
name: shop
checks:
  - name: up
    path: /healthz
environments:
  production:
    target: {kind: cloud_run, project: acme-shop, region: europe-west1, service: shop}
    rollout:
      steps:
        - {traffic: 10%, watch: 10m}
        - {traffic: 100%, watch: 5m}
    notices:
      slack: {channel: "#releases", token: {env: SLACK_TOKEN}}
"""

Mistakes = Callable[..., list[Mistake]]


@pytest.fixture
def good() -> str:
    """Return a file without a mistake."""
    return GOOD


@pytest.fixture
def mistakes(tmp_path: Path) -> Mistakes:
    """Return the mistakes of a text, or of the good file with one piece replaced."""

    def found(old: str, new: str | None = None) -> list[Mistake]:
        if new is not None:
            assert old in GOOD
        path = tmp_path / "shop.yaml"
        path.write_text(old if new is None else GOOD.replace(old, new), "utf-8")
        reading = read(path)
        assert bool(reading.mistakes) is (reading.service is None)
        return list(reading.mistakes)

    return found
