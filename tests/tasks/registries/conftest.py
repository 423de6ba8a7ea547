"""A registry on loopback with one repository, and nobody's own log-ins."""

import json
from collections.abc import Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from rehearsal.registry.guard import Guard
from rehearsal.registry.server import Registry
from tasks.registries import read_stand_ins

HOST = "registry.example"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(autouse=True)
def docker_config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable:
    """Return a function that writes Docker's config.json; until then there is none."""
    folder = tmp_path / "docker"
    folder.mkdir()
    monkeypatch.setenv("DOCKER_CONFIG", str(folder))
    for name in ("GOOGLE_APPLICATION_CREDENTIALS", "AWS_ENDPOINT_URL", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)

    def write(**config):
        (folder / "config.json").write_text(json.dumps(config))
        return folder

    return write


@asynccontextmanager
async def serving_shop(guard: Guard | None = None, tags: tuple[str, ...] = ("1.0.0", "1.1.0"), path: str = "shop"):
    """Serve a repository, and yield the registry with what stands in for registry.example."""
    async with Registry.start(guard=guard) as registry:
        for tag in tags:
            entry = {"image": f"{HOST}/{path}", "tag": tag, "command": ["python"], "env": {"VERSION": tag}}
            registry.repository(path).put_image(entry)
        yield registry, read_stand_ins(f"{HOST}={registry.url}")


@pytest.fixture
def shop() -> Callable:
    return serving_shop


@pytest.fixture
def everything_said() -> Callable:
    return _everything_said


def _everything_said(problem: BaseException | None) -> str:
    """Return what an error and all errors behind it say, as text and as repr."""
    said = ""
    while problem is not None:
        said += f"{problem} {problem!r} {vars(problem)!r} "
        problem = problem.__cause__ or problem.__context__
    return said
