"""`surefoot init`, as it is typed: what runs already, as a service file."""

from pathlib import Path

import pytest
from commands_typed import answered, image, typed
from prefect_real import RealPrefect

# Real processes on a machine that may be busy.
pytestmark = pytest.mark.timeout(300)


def test_init_writes_a_file_that_is_valid_and_marks_what_nobody_can_read_from_a_cloud(
    prefect: RealPrefect, tmp_path: Path
) -> None:
    prefect.service("found")
    file = tmp_path / "made" / "found.yaml"
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

    again = typed(prefect, "init", "--from", "cloud-run", *where, "found", "-o", str(file))
    assert (again.returncode, file.read_text()) == (2, text)
    assert "is not overwritten" in again.stderr


def test_init_of_what_is_not_there_writes_nothing(prefect: RealPrefect, tmp_path: Path) -> None:
    where = ("--project", "rehearsal", "--region", "laptop", "--endpoint", prefect.addresses["grpc"])
    ran = typed(prefect, "init", "--from", "cloud-run", *where, "nobody", "-o", str(tmp_path / "x.yaml"))
    assert ran.returncode == 1
    assert "NOT_FOUND" in ran.stderr
    assert "Traceback" not in ran.stderr
    elsewhere = (*where[:-1], "grpc://example.com:443")
    ran = typed(prefect, "init", "--from", "cloud-run", *elsewhere, "nobody", "-o", str(tmp_path / "x.yaml"))
    assert (ran.returncode, "--endpoint" in ran.stderr) == (2, True)
    assert list(tmp_path.iterdir()) == []
