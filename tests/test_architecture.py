"""The shape that every change keeps to: imports, what the core may know, what the repository may not say."""

import ast
import importlib
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from prefect import Flow
from ruamel.yaml import YAML

ROOT = Path(__file__).parent.parent
PACKAGES = ("surefoot", "tasks", "flows", "commands", "rehearsal")
CORE = sorted((ROOT / "surefoot").rglob("*.py"))
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
# What touches the world, or knows what time it is: not for the core, though the standard library has it.
WORLDLY = {
    "asyncio", "concurrent", "ctypes", "glob", "http", "importlib", "io", "logging", "multiprocessing", "os", "pathlib",
    "random", "secrets", "selectors", "shutil", "signal", "socket", "sqlite3", "ssl", "subprocess", "sys", "tempfile",
    "threading", "time", "urllib", "uuid", "warnings",
}  # fmt: skip


def written() -> Iterator[Path]:
    """Yield every file that people wrote; not what tools leave behind."""
    for top in sorted(ROOT.iterdir()):
        if top.name in (".git", ".venv", ".surefoot", ".hypothesis", "dist", "uv.lock", ".coverage"):
            continue
        if top.name.endswith("_cache"):
            continue
        for path in [top] if top.is_file() else sorted(top.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts and path.suffix not in (".png", ".svg"):
                yield path


def python_files(*folders: str) -> list[Path]:
    return [path for path in written() if path.suffix == ".py" and path.relative_to(ROOT).parts[0] in folders]


def imported(path: Path) -> set[str]:
    """Return the first parts of all module names that a file imports, wherever in the file."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}: imports are written in full"
            names.add(node.module or "")
    return {name.partition(".")[0] for name in names}


def calls(path: Path) -> set[str]:
    """Return the names of all functions and methods that a file calls."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Call):
            found.add(node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", ""))
    return found


def load(path: Path):
    return YAML(typ="safe").load(path.read_text("utf-8"))


def test_the_import_contracts_hold():
    checked = subprocess.run(
        [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout


def test_every_package_is_under_the_contracts_the_types_and_in_the_wheel():
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    assert packages == set(PACKAGES)
    tool = PYPROJECT["tool"]
    for listed in (
        tool["importlinter"]["root_packages"],
        tool["mypy"]["packages"],
        tool["hatch"]["build"]["targets"]["wheel"]["packages"],
    ):
        assert set(listed) == packages


@pytest.mark.parametrize("path", CORE, ids=lambda path: path.stem)
def test_the_core_imports_only_what_decides(path):
    allowed = (set(sys.stdlib_module_names) - WORLDLY) | {"surefoot", "numpy", "scipy"}
    assert imported(path) <= allowed


@pytest.mark.parametrize("path", CORE, ids=lambda path: path.stem)
def test_the_core_asks_nobody_for_the_time_and_writes_nowhere(path):
    assert not calls(path) & {"now", "utcnow", "today", "monotonic", "perf_counter", "open", "print", "sleep", "input"}


# What `--help`, `status`, `history` and `watch` load, at the top and where they begin to work.
TYPED = (
    *("commands.cli", "commands.status", "commands.history", "commands.watch", "commands.follow", "commands.kept"),
    *("commands.story", "surefoot.notice", "tasks.settings", "tasks.store.current", "tasks.store.rollouts"),
)


@pytest.mark.parametrize("module", TYPED)
def test_scipy_and_numpy_are_loaded_by_nothing_that_a_person_waits_for(module):
    heavy = {"numpy", "scipy", "surefoot.judge"}
    code = f"import sys, {module}; print(*sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True)
    assert done.stdout.split() == []


def test_flows_hold_no_sleep_no_cloud_and_no_arithmetic():
    for path in python_files("flows"):
        assert "sleep" not in calls(path), path
        assert not imported(path) & {"google", "grpc", "boto3", "aiohttp", "httpx", "sqlalchemy", "slack_sdk"}, path
        sums = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.BinOp)]
        assert not [node for node in sums if isinstance(node.op, ast.Add | ast.Sub | ast.Mult | ast.Div)], path


def test_no_module_is_a_drawer_for_odds_and_ends():
    drawers = {"util", "utils", "helper", "helpers", "common", "manager", "managers", "base", "misc", "shared"}
    assert [path for path in python_files(*PACKAGES) if {path.stem, path.parent.name} & drawers] == []


def test_nothing_is_left_for_later():
    # In pieces, so that this file does not say it. What `surefoot init` proposes is the user's to finish.
    later = re.compile(r"\b(TO" + r"DO|FIX" + r"ME|XX" + r"X|HA" + r"CK)\b")
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in python_files(*PACKAGES, "tests", "bench")
        if "init" not in path.stem
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
        if later.search(line)
    ]
    assert found == []


def test_nothing_listens_to_the_world():
    everywhere = re.compile(r"\b0\.0\.0\.0\b|[\"']::[\"']|host=(\"\"|''|None)|--bind-all|INADDR_ANY")
    here = Path(__file__)
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in written()
        # Containers in a private network do; who reaches them from outside is a test of tests/infra.
        if path != here and path.suffix not in (".md", ".tf")
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
        if everywhere.search(line)
    ]
    assert found == []


def test_nobodys_machine_is_named():
    # In pieces, so that this file does not name them either.
    private = re.compile("/" + "work/|/" + "root/\\.|/" + "home/[a-z]+/|/" + "tmp/(it|brief)/")
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in written()
        if path.name != "Dockerfile"
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
        if private.search(line)
    ]
    assert found == []


def test_nothing_is_patched_by_a_string_that_names_it():
    by_string = re.compile(r"\bpatch\(\s*[\"']|monkeypatch\.(setattr|delattr)\(\s*[\"']|mocker\.")
    found = [
        str(path.relative_to(ROOT))
        for path in python_files("tests")
        if path != Path(__file__) and by_string.search(path.read_text("utf-8"))
    ]
    assert found == []


def test_every_deployment_is_a_flow_that_can_be_imported():
    deployments = load(ROOT / "prefect.yaml")["deployments"]
    assert {each["name"] for each in deployments} >= {"deploy-staging", "deploy-production", "rollback", "watchdog"}
    for each in deployments:
        module, _, name = each["entrypoint"].rpartition(".")
        flow = getattr(importlib.import_module(module), name)
        assert isinstance(flow, Flow), each["entrypoint"]
        assert flow.name == each["name"], "asked for as name/name"
        assert set(each.get("parameters", {})) <= set(flow.parameters.properties)


def test_prefect_yaml_names_the_version_that_is_locked():
    locked = tomllib.loads((ROOT / "uv.lock").read_text())
    versions = {package["name"]: package["version"] for package in locked["package"]}
    assert load(ROOT / "prefect.yaml")["prefect-version"] == versions["prefect"]


WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_may_do_only_what_each_job_says(path):
    workflow = load(path)
    assert workflow["permissions"] == {}
    for name, job in workflow["jobs"].items():
        assert "permissions" in job, name
        assert job["timeout-minutes"] <= 30, name
        assert "contents" not in job["permissions"] or job["permissions"]["contents"] == "read", name


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_an_action_is_pinned_by_its_commit_with_the_version_beside_it(path):
    uses = [line.strip() for line in path.read_text().splitlines() if re.match(r"\s*(- )?uses:", line)]
    assert uses
    assert [line for line in uses if not re.search(r"@[0-9a-f]{40} # v\d+\.\d+\.\d+$", line)] == []


def test_a_workflow_puts_no_expression_into_a_shell():
    scripts = [
        step["run"]
        for path in WORKFLOWS
        for job in load(path)["jobs"].values()
        for step in job["steps"]
        if "run" in step
    ]
    assert scripts
    assert [script for script in scripts if "${{" in script] == []


def test_makefile_and_image_install_by_the_same_uv():
    makefile = re.search(r"^UV := (\S+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    image = re.search(r"^ARG UV=(\S+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert makefile is not None
    assert image is not None
    assert makefile[1] == image[1]


def test_the_image_has_every_package_and_what_it_copies_is_let_in():
    dockerfile, let_in = (ROOT / "Dockerfile").read_text(), (ROOT / ".dockerignore").read_text().splitlines()
    copied = {
        word
        for line in dockerfile.splitlines()
        if line.startswith("COPY ") and "--from" not in line
        for word in line.split()[1:-1]
    }
    assert set(PACKAGES) | {"prefect.yaml", "uv.lock"} <= copied
    assert {f"!{name}" for name in copied} <= set(let_in)


def test_the_image_does_not_run_as_root():
    last = (ROOT / "Dockerfile").read_text().rpartition("\nFROM ")[2]
    user = re.search(r"^USER (\d+)", last, re.MULTILINE)
    assert user is not None
    assert int(user[1]) > 0


@pytest.mark.parametrize(
    ("version", "well"), [((3, 10, 14), False), ((3, 11, 0), True), ((3, 13, 9), True), ((3, 14, 0), False)]
)
def test_another_python_is_told_clearly_that_it_will_not_do(version, well):
    code = (
        f"import sys, runpy; sys.version_info = {version}; sys.executable = '/usr/bin/python3'\n"
        f"runpy.run_path({str(ROOT / '.ci/python.py')!r})"
    )
    checked = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (checked.returncode == 0) is well, checked.stderr
    if not well:
        number = ".".join(map(str, version))
        assert f"Surefoot needs Python 3.11 to 3.13; /usr/bin/python3 is {number}." in checked.stderr
        assert "PYTHON=python3.12" in checked.stderr


def test_python_is_bounded_alike_everywhere():
    first, last = re.findall(r"\((3), (\d+)\)", (ROOT / ".ci/python.py").read_text())
    assert PYPROJECT["project"]["requires-python"] == f">=3.{first[1]},<3.{int(last[1]) + 1}"
    tested = [
        each["python"]
        for each in load(ROOT / ".github/workflows/ci.yml")["jobs"]["check"]["strategy"]["matrix"]["include"]
    ]
    assert tested == [f"3.{minor}" for minor in range(int(first[1]), int(last[1]) + 1)]
