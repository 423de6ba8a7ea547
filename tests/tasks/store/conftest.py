"""The same stores for every test: SQLite always, PostgreSQL where its server is installed (in CI it has to be)."""

import asyncio
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from surefoot.release import Commit, Image, Release
from surefoot.traffic import Traffic
from tasks.store.database import Store
from tasks.store.rollouts import Attempt

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def _server_folder() -> Path | None:
    """Return where PostgreSQL's server binaries are, the newest first."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), reverse=True)
    named = shutil.which("postgres")
    return found[0].parent if found else Path(named).parent if named else None


def _without_rights(folder: Path) -> list[str]:
    """Return what to put before a command: PostgreSQL refuses to run as root."""
    if os.getuid() != 0:
        return []
    user = next(entry for name in ("postgres", "nobody") for entry in pwd.getpwall() if entry.pw_name == name)
    os.chown(folder, user.pw_uid, user.pw_gid)
    return ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]


def _wait_for(address: str, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            psycopg.connect(address).close()
        except psycopg.OperationalError:
            assert server.poll() is None, "PostgreSQL ended at once"
            assert time.monotonic() < deadline, "PostgreSQL is not up after 30 s"
            time.sleep(0.1)
        else:
            return


@pytest.fixture(scope="session")
def postgres():
    """Start a PostgreSQL on loopback; return its address without a database."""
    binaries = _server_folder()
    if binaries is None:
        if os.environ.get("CI") == "true":
            pytest.fail("CI has to have PostgreSQL: apt-get install postgresql")
        pytest.skip("PostgreSQL's server is not installed: apt-get install postgresql")
    folder = Path(tempfile.mkdtemp(prefix="surefoot-postgres-"))
    before = _without_rights(folder)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    try:
        data = str(folder / "data")
        subprocess.run(
            [*before, str(binaries / "initdb"), "--auth=trust", "--username=surefoot", "--no-sync", data],
            check=True, capture_output=True, cwd=folder,
        )  # fmt: skip
        settings = [
            "-c", "listen_addresses=127.0.0.1", "-c", f"port={port}",
            "-c", "unix_socket_directories=", "-c", "fsync=off",
        ]  # fmt: skip
        with (folder / "log").open("wb") as log:
            server = subprocess.Popen(
                [*before, str(binaries / "postgres"), "-D", data, *settings], stdout=log, stderr=log, cwd=folder
            )
        try:
            address = f"postgresql://surefoot@127.0.0.1:{port}"
            _wait_for(f"{address}/postgres", server)
            yield address
        finally:
            server.send_signal(signal.SIGINT)
            server.wait(20)
    finally:
        shutil.rmtree(folder)


@pytest.fixture(scope="session")
def template(postgres):
    """Return the name of a database that has the tables already: copying it is quicker than making them."""
    with psycopg.connect(f"{postgres}/postgres", autocommit=True) as connection:
        connection.execute("CREATE DATABASE migrated")
    _migrated(f"{postgres}/migrated")
    return "migrated"


@pytest.fixture(scope="session")
def template_file(tmp_path_factory):
    """Return a SQLite file that has the tables already."""
    path = tmp_path_factory.mktemp("store") / "migrated.db"
    _migrated(str(path))
    return path


def _migrated(address):
    async def migrate():
        store = Store.open(address)
        await store.migrate()
        await store.close()

    asyncio.run(migrate())


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.real)])
def url(request, tmp_path):
    """Return the address of a store of its own, with its tables."""
    if request.param == "sqlite":
        shutil.copy(request.getfixturevalue("template_file"), tmp_path / "store.db")
        yield f"sqlite:///{tmp_path / 'store.db'}"
        return
    server, name = request.getfixturevalue("postgres"), f"t{uuid4().hex}"
    with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {request.getfixturevalue('template')}")
        yield f"{server}/{name}"
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def empty_url(request, tmp_path, url):
    """Return the address of a store without tables, of the same kind as `url`."""
    if url.startswith("sqlite"):
        yield f"sqlite:///{tmp_path / 'empty.db'}"
        return
    server, name = request.getfixturevalue("postgres"), f"e{uuid4().hex}"
    with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        yield f"{server}/{name}"
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def store(url):
    """Return an open store."""
    opened = Store.open(url)
    yield opened
    asyncio.run(opened.close())


@pytest.fixture
def now():
    """Return a moment that stands still."""
    return NOON


def a_release(version: str = "1.9.0", commit: str = "4e1c9aa") -> Release:
    commits = (Commit(commit, "Cart keeps its order", "Ana"), Commit("77ab01c", "Tidy", "Ben"))
    return Release(
        "shop", Image("europe/shop", "sha256:" + "9f" * 32), version, commit, "Cart keeps its order", commits
    )


def an_attempt(name: str = "r1", *, fence: int = 1, release: Release | None = None, key: str = "shop/production"):
    return Attempt(
        name, key, release or a_release(), "run-1", "http://run/1", Traffic.of({"old": 75, "older": 25}), "new",
        fence, NOON, NOON,
    )  # fmt: skip


@pytest.fixture
def release_of():
    """Return a way to make releases."""
    return a_release


@pytest.fixture
def attempt_of():
    """Return a way to make rollouts."""
    return an_attempt
