"""The tool's own settings, and where service files are looked for."""

import subprocess
import sys
from pathlib import Path

import pytest

from surefoot.errors import ConfigError
from tasks.settings import find_service_files, the_service_file, tool_settings


def test_without_anything_set_the_store_is_a_file_in_the_project(tmp_path: Path) -> None:
    settings = tool_settings({}, below=tmp_path)
    assert settings.store_url == f"sqlite:///{tmp_path}/.surefoot/store.db"
    assert settings.services is None


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("/var/lib/surefoot.db", "sqlite:////var/lib/surefoot.db"),
        ("sqlite:////var/lib/surefoot.db", "sqlite:////var/lib/surefoot.db"),
        ("postgresql://ana:geheim@db/x", "postgresql+psycopg://ana:geheim@db/x"),
        ("postgresql+psycopg://db/x", "postgresql+psycopg://db/x"),
    ],
)
def test_a_store_is_a_file_or_a_database(text: str, url: str, tmp_path: Path) -> None:
    settings = tool_settings({"SUREFOOT_STORE": text}, below=tmp_path)
    assert settings.store_url == url
    assert "geheim" not in repr(settings)


@pytest.mark.parametrize("text", ["mysql://db/x", "postgresql://"])
def test_another_database_is_refused_with_what_would_be_right(text: str) -> None:
    with pytest.raises(ConfigError, match="write a file's path or postgresql://user@host/database"):
        tool_settings({"SUREFOOT_STORE": text})


def test_how_long_a_run_may_be_silent_is_a_duration() -> None:
    assert tool_settings({}).lease_s == 30
    assert tool_settings({"SUREFOOT_LEASE": "2m"}).lease_s == 120


@pytest.mark.parametrize(
    ("text", "why"), [("soon", "SUREFOOT_LEASE: 'soon'"), ("200ms", "200ms is shorter than a busy machine's pauses")]
)
def test_a_silence_that_is_none_is_refused(text: str, why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        tool_settings({"SUREFOOT_LEASE": text})


def test_what_stands_in_for_a_registry_is_an_address_on_this_machine() -> None:
    stand_in = {"SUREFOOT_REGISTRIES": "registry.rehearsal=http://127.0.0.1:5000"}
    assert tool_settings(stand_in).registries == {"registry.rehearsal": "http://127.0.0.1:5000"}
    assert tool_settings({}).registries == {}
    with pytest.raises(ConfigError, match=r"^SUREFOOT_REGISTRIES: what stands in for registry 'a' is not an address"):
        tool_settings({"SUREFOOT_REGISTRIES": "a=https://elsewhere.example:443"})


def test_a_misspelt_variable_is_refused_with_the_nearest_rather_than_ignored() -> None:
    with pytest.raises(ConfigError, match=r"^SUREFOOT_STOR: unknown; did you mean SUREFOOT_STORE\?$"):
        tool_settings({"SUREFOOT_STOR": "x", "PREFECT_API_URL": "x"})


def test_every_unknown_variable_is_named_at_once() -> None:
    with pytest.raises(ConfigError, match=r"SUREFOOT_A: unknown; .*\nSUREFOOT_B: unknown"):
        tool_settings({"SUREFOOT_B": "", "SUREFOOT_A": ""})


def test_files_are_those_given_else_those_set_else_the_single_one_else_the_folders(tmp_path: Path) -> None:
    folder, other = tmp_path / "infra/services", tmp_path / "other"
    folder.mkdir(parents=True)
    other.mkdir()
    for file in (folder / "b.yaml", folder / "a.yml", folder / "notes.txt", other / "c.yaml"):
        file.touch()
    assert find_service_files(below=tmp_path, environ={}) == (folder / "a.yml", folder / "b.yaml")
    (tmp_path / "surefoot.yaml").touch()
    assert find_service_files(below=tmp_path, environ={}) == (tmp_path / "surefoot.yaml",)
    assert find_service_files(below=tmp_path, environ={"SUREFOOT_SERVICES": "other"}) == (other / "c.yaml",)
    assert find_service_files([folder, "x.yaml"], below=tmp_path) == (
        folder / "a.yml",
        folder / "b.yaml",
        Path("x.yaml"),
    )


def test_the_only_file_is_taken_and_several_or_none_are_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no service file here \(looked for surefoot.yaml"):
        the_service_file(tmp_path, {})
    folder = tmp_path / "infra/services"
    folder.mkdir(parents=True)
    (folder / "a.yaml").touch()
    assert the_service_file(tmp_path, {}) == folder / "a.yaml"
    (folder / "b.yaml").touch()
    with pytest.raises(ConfigError, match=r"2 service files here; name one of .*a.yaml, .*b.yaml"):
        the_service_file(tmp_path, {})


def test_reading_the_tools_settings_loads_nothing_heavy() -> None:
    code = (
        "import sys; from tasks.settings import tool_settings; tool_settings({});"
        "print([m for m in ('pydantic', 'ruamel.yaml', 'prefect', 'sqlalchemy', 'numpy') if m in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
