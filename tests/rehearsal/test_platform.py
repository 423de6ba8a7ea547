"""Revisions as real processes: ready when they say so, gone when we are."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import aiohttp
import pytest

from rehearsal.backend import Backends
from rehearsal.catalogue import Catalogue, Recipe
from rehearsal.platform import Crashed, ImageMissing, NeverReady, Platform
from rehearsal.splitter import Fault, Splitter

SERVE = """
import http.server, json, os, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        told = {name: os.environ.get(name) for name in ("K_SERVICE", "K_REVISION", "K_CONFIGURATION", "COLOUR", "SIZE")}
        self.send_response(503 if self.path == "/busy" else 200)
        self.end_headers()
        self.wfile.write(json.dumps({**told, "pid": os.getpid()}).encode())
server = http.server.HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler)
print("serving", flush=True)  # a connection waits from here on; before, it would be refused
server.serve_forever()
"""
DEAF = "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + SERVE
PARENT = (
    """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
print(child.pid, flush=True)
"""
    + SERVE
)
PROGRAMS = {
    "serve": SERVE,
    "deaf": DEAF,
    "parent": PARENT,
    "crash": "import sys; print('no database', flush=True); sys.exit(3)",
    "hang": "import time; print('thinking', flush=True); time.sleep(60)",
    "killed": "import os; os.kill(os.getpid(), 9)",
}


def catalogue() -> Catalogue:
    def recipe(name: str, *command: str) -> Recipe:
        return Recipe(
            "test/image", name, "sha256:" + "0" * 63 + str(len(name)), command, {"COLOUR": "red", "SIZE": "1"}
        )

    bare = Recipe("test/image", "bare", "sha256:" + "1" * 64, ("python", "-c", SERVE), {})
    known = [recipe(name, "python", "-c", program) for name, program in PROGRAMS.items()]
    return Catalogue((bare, *known, recipe("nothing", "/no/such/program")))


@pytest.fixture
def run(tmp_path):
    """Run a story with a platform; after it nothing of the platform is left."""

    def run(story):
        async def told():
            platform = Platform(catalogue(), tmp_path, grace_s=0.3)
            try:
                return await story(platform)
            finally:
                await platform.close()

        return asyncio.run(asyncio.wait_for(told(), 30))

    return run


async def asked(backend, path: str = "/") -> dict[str, object]:
    async with aiohttp.ClientSession() as http, http.get(f"http://{backend}{path}") as answer:
        return json.loads(await answer.text())


def gone(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return True
    return state == "Z"


async def soon(condition, seconds: float = 5.0) -> bool:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:  # noqa: ASYNC110  processes tell nobody
        await asyncio.sleep(0.01)
    return bool(condition())


def test_a_revision_is_started_with_its_names_and_its_own_environment_over_the_image_s(run):
    async def story(platform):
        (backend,) = await platform.launch("shop-1", "test/image:serve", service="shop", env={"COLOUR": "blue"})
        told = await asked(backend)
        assert (told["K_SERVICE"], told["K_REVISION"], told["K_CONFIGURATION"]) == ("shop", "shop-1", "shop")
        assert (told["COLOUR"], told["SIZE"]) == ("blue", "1")
        assert platform.alive("shop-1")
        assert not platform.alive("shop-2")

    run(story)


def test_what_is_in_our_environment_is_not_in_theirs(run, monkeypatch):
    monkeypatch.setenv("COLOUR", "ours")
    monkeypatch.setenv("SIZE", "ours")

    async def story(platform):
        (backend,) = await platform.launch("shop-1", "test/image:bare", service="shop")
        told = await asked(backend)
        assert (told["COLOUR"], told["SIZE"]) == (None, None)

    run(story)


def test_instances_are_processes_of_their_own(run):
    async def story(platform):
        backends = await platform.launch("shop-1", "test/image:serve", service="shop", instances=3)
        assert len({(await asked(backend))["pid"] for backend in backends}) == 3

    run(story)


def test_an_image_that_is_not_there_is_missing(run):
    async def story(platform):
        with pytest.raises(ImageMissing, match="image test/image:none is not in the catalogue"):
            await platform.launch("shop-1", "test/image:none", service="shop")
        assert not platform.alive("shop-1")

    run(story)


def test_a_crash_is_told_with_its_exit_code_and_last_words(run):
    async def story(platform):
        with pytest.raises(Crashed) as crashed:
            await platform.launch("shop-1", "test/image:crash", service="shop")
        assert crashed.value.exit_code == 3
        assert crashed.value.last_lines == ("no database",)
        assert str(crashed.value) == "shop-1 exited with 3 before it was ready; it wrote last:\n  no database"
        assert not platform.alive("shop-1")

    run(story)


def test_a_process_killed_before_it_was_ready_is_told_with_the_signal(run):
    async def story(platform):
        with pytest.raises(Crashed, match="exited with -9 before it was ready; it wrote nothing"):
            await platform.launch("shop-1", "test/image:killed", service="shop")

    run(story)


def test_a_program_that_cannot_be_run_is_a_crash_that_says_so(run):
    async def story(platform):
        with pytest.raises(Crashed, match="cannot run /no/such/program: No such file"):
            await platform.launch("shop-1", "test/image:nothing", service="shop")

    run(story)


def test_a_process_that_never_listens_is_given_up_and_ended(run):
    async def story(platform):
        with pytest.raises(NeverReady) as never:
            await platform.launch("shop-1", "test/image:hang", service="shop", startup_timeout_s=1.5)
        assert never.value.seconds == 1.5
        assert never.value.last_lines == ("thinking",)
        assert not platform.alive("shop-1")

    run(story)


def test_with_a_path_to_probe_a_listening_socket_is_not_enough(run):
    async def story(platform):
        with pytest.raises(NeverReady):
            await platform.launch(
                "shop-1", "test/image:serve", service="shop", startup_timeout_s=0.8, probe_path="/busy"
            )
        assert await platform.launch("shop-2", "test/image:serve", service="shop", probe_path="/ready")

    run(story)


def test_a_failed_launch_may_be_tried_again_under_its_name_and_a_running_one_may_not(run):
    async def story(platform):
        with pytest.raises(Crashed):
            await platform.launch("shop-1", "test/image:crash", service="shop")
        await platform.launch("shop-1", "test/image:serve", service="shop")
        with pytest.raises(ValueError, match="shop-1 runs already"):
            await platform.launch("shop-1", "test/image:serve", service="shop")
        assert platform.alive("shop-1")

    run(story)


def test_a_launch_that_is_cancelled_leaves_nothing(run):
    async def story(platform):
        launch = asyncio.create_task(platform.launch("shop-1", "test/image:hang", service="shop"))
        assert await soon(lambda: platform.alive("shop-1"))
        launch.cancel()
        with pytest.raises(asyncio.CancelledError):
            await launch
        assert not platform.alive("shop-1")

    run(story)


def test_processes_can_be_started_under_a_key_of_their_own_without_waiting_for_them(run, tmp_path):
    async def story(platform):
        (hanging,) = await platform.start("shop-1-a", "test/image:hang", service="shop", revision="shop-1")
        (serving,) = await platform.start("shop-1-b", "test/image:serve", service="shop", revision="shop-1")
        assert platform.alive("shop-1-a")
        assert await soon(lambda: "serving" in serving.log.read_text())
        assert (await asked(serving.backend))["K_REVISION"] == "shop-1"
        await platform.stop("shop-1-a")
        assert hanging.process.returncode is not None
        assert platform.alive("shop-1-b")

    run(story)


def test_a_stopped_revision_is_gone_even_if_it_does_not_listen_to_reason(run):
    async def story(platform):
        (backend,) = await platform.launch("shop-1", "test/image:deaf", service="shop")
        pid = (await asked(backend))["pid"]
        await platform.stop("shop-1")
        assert gone(pid)
        assert not platform.alive("shop-1")
        await platform.stop("shop-1")

    run(story)


def test_children_of_a_revision_go_with_it(run, tmp_path):
    async def story(platform):
        await platform.launch("shop-1", "test/image:parent", service="shop")
        child = int((tmp_path / "shop-1-0.log").read_text().split()[0])
        assert not gone(child)
        await platform.stop("shop-1")
        assert await soon(lambda: gone(child))

    run(story)


def test_a_crash_on_demand_leaves_the_revision_dead(run):
    async def story(platform):
        (backend,) = await platform.launch("shop-1", "test/image:serve", service="shop")
        platform.crash("shop-1")
        assert await soon(lambda: not platform.alive("shop-1"))
        with pytest.raises(aiohttp.ClientConnectionError):
            await asked(backend)

    run(story)


def test_a_fault_at_the_splitter_kills_the_real_processes(run):
    async def story(platform):
        stable = Backends("shop-1", tuple(await platform.launch("shop-1", "test/image:serve", service="shop")))
        canary = Backends("shop-2", tuple(await platform.launch("shop-2", "test/image:serve", service="shop")))
        splitter = await Splitter.listen(service="shop", on_crash=platform.crash)
        try:
            splitter.route([(stable, 50), (canary, 50)])
            splitter.fault("shop-2", Fault(crash=True, after_requests=5))
            async with aiohttp.ClientSession() as http:
                for _ in range(30):
                    async with http.get(splitter.url) as answer:
                        await answer.read()
            assert splitter.counts("shop-1").codes == {200: 15}
            assert splitter.counts("shop-2").codes == {200: 5, 502: 10}
            assert await soon(lambda: not platform.alive("shop-2"))
            assert platform.alive("shop-1")
        finally:
            await splitter.close()

    run(story)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux kills the children of a killed process")
def test_no_revision_outlives_a_platform_that_is_killed(tmp_path):
    program = textwrap.dedent(
        """
        import asyncio, sys
        from pathlib import Path
        from rehearsal.catalogue import Catalogue
        from rehearsal.platform import Platform

        async def main():
            platform = Platform(Catalogue.load(), Path(sys.argv[1]))
            await platform.launch("shop-1", "registry.rehearsal/shop:1.0.0", service="shop", instances=2)
            print(*(instance.process.pid for instance in platform._running["shop-1"]), flush=True)
            await asyncio.sleep(60)

        asyncio.run(main())
        """
    )
    owner = subprocess.Popen([sys.executable, "-c", program, tmp_path], stdout=subprocess.PIPE, text=True)
    try:
        assert owner.stdout is not None
        pids = [int(word) for word in owner.stdout.readline().split()]
        assert len(pids) == 2
        assert not any(gone(pid) for pid in pids)
    finally:
        os.kill(owner.pid, signal.SIGKILL)
        owner.communicate()
    assert asyncio.run(soon(lambda: all(gone(pid) for pid in pids)))
