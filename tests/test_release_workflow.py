"""What a merge asks of Prefect: the workflow's own script, run against a server that writes down what it hears."""

import base64
import json
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from flows.deploy import deploy_staging

ROOT = Path(__file__).parent.parent
SCRIPT = YAML(typ="safe").load(ROOT / ".github/workflows/release.yml")["jobs"]["ask"]["steps"][0]["run"]
IMAGE = "europe/images/shop@sha256:" + "9f" * 32
PUSH = {
    "commits": [
        {"id": "77ab01c", "message": "Tidy", "author": {"name": "Ben"}},
        {"id": "4e1c9aa", "message": 'Cart "keeps" $(its) `order`; é\n\nAnd more.', "author": {"name": "Ana"}},
    ]
}


class Server(ThreadingHTTPServer):
    """A Prefect of two addresses; answers `refuse_with` before anything else, as often as it is in there."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.heard: list[tuple[str, str, str | None, dict]] = []
        self.refuse_with: list[int] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/api"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        said = json.loads(body) if body else {}
        self.server.heard.append((self.command, self.path, self.headers.get("authorization"), said))
        status = self.server.refuse_with.pop(0) if self.server.refuse_with else 200
        answer = json.dumps({"id": "run-1" if self.command == "POST" else "deployment-1"}).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_GET = do_POST = _answer  # noqa: N815  the names that http.server calls

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as listening:
        thread = threading.Thread(target=listening.serve_forever, args=(0.01,))
        thread.start()
        yield listening
        listening.shutdown()
        thread.join()


@pytest.fixture
def ask(server, tmp_path, require):
    """Return a way to run the script as GitHub does: what it needs in the environment, the event in a file."""
    require("jq"), require("curl")

    def run(event: dict = PUSH, auth: str = "") -> subprocess.CompletedProcess[str]:
        (tmp_path / "event.json").write_text(json.dumps(event))
        environ = {
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "PREFECT_API_URL": server.url,
            "PREFECT_API_AUTH_STRING": auth,
            "SERVICE": "shop",
            "IMAGE": IMAGE,
            "GITHUB_SHA": "4e1c9aa",
            "GITHUB_REPOSITORY": "example/shop",
            "GITHUB_RUN_ID": "12",
            "GITHUB_RUN_ATTEMPT": "1",
            "GITHUB_EVENT_PATH": str(tmp_path / "event.json"),
            "GITHUB_STEP_SUMMARY": str(tmp_path / "summary"),
        }
        command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", SCRIPT]
        return subprocess.run(command, env=environ, cwd=tmp_path, capture_output=True, text=True, check=False)

    return run


def test_a_merge_asks_for_staging_with_the_digest_and_the_newest_commit_first(server, ask):
    asked = ask()

    assert asked.returncode == 0, asked.stderr
    (_, found, *_), (method, path, _, request) = server.heard
    assert found == "/api/deployments/name/deploy-staging/deploy-staging"
    assert (method, path) == ("POST", "/api/deployments/deployment-1/create_flow_run")
    assert request["parameters"] == {
        "service": "shop",
        "image": IMAGE,
        "commit": "4e1c9aa",
        "title": 'Cart "keeps" $(its) `order`; é',
        "commits": [
            {"sha": "4e1c9aa", "title": 'Cart "keeps" $(its) `order`; é', "author": "Ana"},
            {"sha": "77ab01c", "title": "Tidy", "author": "Ben"},
        ],
    }
    assert f"{IMAGE}: {server.url.removesuffix('/api')}/runs/flow-run/run-1" in asked.stdout


def test_the_flow_accepts_what_the_workflow_sends(server, ask):
    ask()

    assert deploy_staging.validate_parameters(server.heard[-1][3]["parameters"])


def test_an_event_without_commits_still_asks(server, ask):
    assert ask({"inputs": {}}).returncode == 0
    assert server.heard[-1][3]["parameters"]["commits"] == []


def test_a_request_that_is_repeated_is_the_same_request(server, ask):
    server.refuse_with = [200, 503]  # found; then the answer to the first request is lost on the way

    assert ask().returncode == 0
    _, first, second = (said for *_, said in server.heard)
    assert first == second
    assert first["idempotency_key"] == "example/shop/shop/12/1"


def test_the_servers_credential_is_sent_and_never_shown(server, ask):
    asked = ask(auth='ana:"p\\w"')

    assert {heard[2] for heard in server.heard} == {"Basic " + base64.b64encode(b'ana:"p\\w"').decode()}
    assert "p\\w" not in asked.stdout + asked.stderr


def test_a_server_that_says_no_fails_the_job_at_once(server, ask):
    server.refuse_with = [401]

    asked = ask()

    assert asked.returncode != 0
    assert "401" in asked.stderr
    assert len(server.heard) == 1
