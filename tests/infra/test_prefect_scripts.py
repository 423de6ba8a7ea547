"""What worker containers run on AWS besides: one script makes the store's database, one says if a worker is there."""

import os
import pwd
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psycopg
import pytest

SCRIPTS = Path(__file__).parent.parent.parent / "infra/aws/modules/prefect"
pytestmark = pytest.mark.real


def _as_nobody(folder: Path) -> list[str]:
    """Return what to put before a command: PostgreSQL refuses to run as root."""
    if os.getuid() != 0:
        return []
    user = next(entry for name in ("postgres", "nobody") for entry in pwd.getpwall() if entry.pw_name == name)
    os.chown(folder, user.pw_uid, user.pw_gid)
    return ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]


@pytest.fixture(scope="module")
def postgres(require):
    """Start a PostgreSQL that listens on a socket file only; return libpq's variables for it."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), reverse=True)
    binaries = found[0].parent if found else require("postgres", "postgresql").parent
    folder = Path(tempfile.mkdtemp(prefix="surefoot-scripts-"))  # where another user may go, unlike pytest's own
    before = _as_nobody(folder)
    data, log = folder / "data", folder / "log"
    made = [*before, binaries / "initdb", "-D", data, "-U", "surefoot", "-A", "trust", "-N"]
    subprocess.run(made, check=True, capture_output=True, cwd=folder)
    command = [*before, binaries / "postgres", "-D", data, "-k", folder, "-c", "listen_addresses=", "-F"]
    with log.open("wb") as written:
        server = subprocess.Popen(command, stdout=written, stderr=written, cwd=folder)
    environ = {"PGHOST": str(folder), "PGUSER": "surefoot", "PGDATABASE": "postgres"}
    try:
        _wait_for(environ, server)
        yield environ
    finally:
        server.terminate()
        server.wait(20)
        shutil.rmtree(folder)


def _wait_for(environ, server):
    deadline = time.monotonic() + 30
    while True:
        try:
            _connect(environ).close()
        except psycopg.OperationalError:
            assert server.poll() is None, "PostgreSQL ended at once"
            assert time.monotonic() < deadline, "PostgreSQL is not up after 30 s"
            time.sleep(0.1)
        else:
            return


def _connect(environ, database="postgres"):
    return psycopg.connect(host=environ["PGHOST"], user=environ["PGUSER"], dbname=database)


def test_workers_that_start_at_once_make_one_database_and_later_ones_leave_it(postgres):
    # As the container gets it: the text of the file, not its path.
    command = [sys.executable, "-c", (SCRIPTS / "databases.py").read_text("utf-8")]
    environ = {**os.environ, **postgres, "SUREFOOT_DATABASE": "surefoot"}
    at_once = [subprocess.Popen(command, env=environ, stderr=subprocess.PIPE) for _ in range(4)]
    ends = [(process.communicate(timeout=60)[1], process.returncode) for process in at_once]
    assert ends == [(b"", 0)] * 4

    with _connect(postgres, "surefoot") as connection:
        connection.execute("CREATE TABLE kept ()")
    assert subprocess.run(command, env=environ, check=False, timeout=60).returncode == 0
    with _connect(postgres, "surefoot") as connection:
        connection.execute("TABLE kept")


def test_a_database_that_cannot_be_reached_holds_the_worker_up(tmp_path):
    command = [sys.executable, "-c", (SCRIPTS / "databases.py").read_text("utf-8")]
    environ = {**os.environ, "PGHOST": str(tmp_path), "PGCONNECT_TIMEOUT": "2", "SUREFOOT_DATABASE": "surefoot"}
    assert subprocess.run(command, env=environ, check=False, capture_output=True, timeout=60).returncode != 0


def test_a_container_is_well_while_a_worker_runs_and_ill_when_it_has_ended():
    words = [f"worker-of-test-{os.getpid()}", "worker", "start"]

    def well() -> bool:
        command = [sys.executable, "-c", (SCRIPTS / "health.py").read_text("utf-8"), *words]
        return subprocess.run(command, check=False, timeout=60).returncode == 0

    assert not well()
    waits = "import sys; sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", waits, *words], stdin=subprocess.PIPE) as worker:
        assert well()
        worker.stdin.close()
    assert not well()
