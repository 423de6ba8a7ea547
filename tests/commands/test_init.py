"""`surefoot init`, as it is typed: what runs already, as a service file."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from commands_typed import answered, image, typed
from prefect_real import RealPrefect

from commands.cli import cli
from commands.output import write
from surefoot.errors import ConfigError

# Real processes on a machine that may be busy.
pytestmark = pytest.mark.timeout(300)


@pytest.mark.slow
def test_init_writes_a_file_that_is_valid_and_marks_what_nobody_can_read_from_a_cloud(
    prefect: RealPrefect, tmp_path: Path
) -> None:
    prefect.service("found")
    file = tmp_path / "found.yaml"
    where = ("--project", "rehearsal", "--region", "laptop", "--endpoint", prefect.addresses["grpc"])
    document = answered(prefect, "init", "--from", "cloud-run", *where, "found", "-o", str(file))
    assert [mark["text"].partition(":")[0] for mark in document["todo"]] == ["smoke", "staging", "approvers"]
    assert document["calls"] == [
        f"{call} projects/rehearsal/locations/laptop/services/found" for call in ("GetService", "ListRevisions")
    ]
    text = file.read_text()
    assert text.startswith("# yaml-language-server: $schema=")
    assert f"image {image('1.0.0')}" in text
    assert [line for line in text.splitlines() if len(line) > 120 and "target" not in line] == []

    checked = typed(prefect, "validate", str(file))
    assert checked.returncode == 0, checked.stdout
    assert checked.stdout.count(": ") >= 3
    assert f"{file}:{document['todo'][0]['line']} " in checked.stdout
    assert typed(prefect, "plan", str(file), "production").returncode == 0

    printed = typed(prefect, "init", "--from", "cloud-run", *where, "found", "-o", "-")
    assert (printed.returncode, printed.stdout, printed.stderr) == (0, text, "")

    again = typed(prefect, "init", "--from", "cloud-run", *where, "found", "-o", str(file))
    assert (again.returncode, file.read_text()) == (2, text)
    assert "is not overwritten" in again.stderr


def test_init_of_what_is_not_there_writes_nothing(prefect: RealPrefect, tmp_path: Path) -> None:
    where = ("--project", "rehearsal", "--region", "laptop", "--endpoint", prefect.addresses["grpc"])
    ran = typed(prefect, "init", "--from", "cloud-run", *where, "nobody", "-o", str(tmp_path / "x.yaml"))
    assert ran.returncode == 2
    assert ran.stderr.startswith("SERVICE: 'nobody' is not there: GetService projects/rehearsal/")
    assert "Traceback" not in ran.stderr
    elsewhere = (*where[:-1], "grpc://example.com:443")
    ran = typed(prefect, "init", "--from", "cloud-run", *elsewhere, "nobody", "-o", str(tmp_path / "x.yaml"))
    assert (ran.returncode, "--endpoint" in ran.stderr) == (2, True)
    assert list(tmp_path.iterdir()) == []


def init(*words: str) -> Result:
    """Type `surefoot init` where no cloud is asked: what is wrong is found before."""
    return CliRunner().invoke(
        cli, ["init", "--from", "cloud-run", "--project", "acme", "--region", "europe-west1", *words]
    )


def test_a_file_that_cannot_be_written_is_told_before_the_cloud_is_asked(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for folder in (tmp_path / "none", tmp_path / "file"):
        result = init("shop", "-o", str(folder / "shop.yaml"))
        assert (result.exit_code, result.stdout) == (2, "")
        assert result.stderr == f"-o: there is no folder {folder} to write shop.yaml into; make it, or name another\n"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_what_the_machine_refuses_while_writing_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"^-o: cannot write .*: File name too long; name a file"):
        write(tmp_path / ("x" * 300), "")


def test_two_answers_do_not_go_to_one_place() -> None:
    result = init("shop", "-o", "-", "--json")
    assert (result.exit_code, "leave one of them out" in result.stderr) == (2, True)
