"""`surefoot up`, before anything is started: what it needs is looked at first."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from commands.cli import cli
from commands.folder import made
from commands.terminal import Terminal
from commands.up import mistaken
from surefoot.errors import ConfigError


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Be in an empty folder; with a server that is none, nothing is started whatever goes wrong here."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PREFECT_API_URL", "nonsense")
    return tmp_path


def up(*words: str) -> Result:
    return CliRunner().invoke(cli, ["up", *words])


def test_a_service_file_with_mistakes_is_told_as_validate_tells_it_and_nothing_is_started(here: Path) -> None:
    (here / "surefoot.yaml").write_text("name: shop\nenvironments: {}\n")
    result, validated = up(), CliRunner().invoke(cli, ["validate"])
    assert (result.exit_code, result.stdout) == (2, validated.stdout)
    assert result.stderr == validated.stderr
    assert list(here.iterdir()) == [here / "surefoot.yaml"]


def test_a_service_file_that_is_not_there_is_a_mistake_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUREFOOT_SERVICES", "none.yaml")
    result = up()
    assert result.exit_code == 2
    assert "none.yaml: cannot be read: no such file" in result.stdout
    assert "✓" not in result.stdout


def test_where_there_is_no_service_file_it_says_what_to_write_and_goes_on(capsys: pytest.CaptureFixture[str]) -> None:
    assert not mistaken((), Terminal())
    said = capsys.readouterr().out
    assert said.startswith("  ! service     no service file here")
    assert "surefoot init" in said
    assert "SUREFOOT_SERVICES=" in said


@pytest.mark.parametrize("port", ["0", "65536", "99999", "-1", "x"])
def test_a_port_that_is_none_is_bad_input(port: str) -> None:
    result = up("--port", port)
    assert result.exit_code == 2
    assert "Invalid value for '--port': " in result.stderr


def test_a_home_that_is_a_file_or_lies_in_one_is_bad_input(here: Path) -> None:
    (here / "file").touch()
    result = up("--home", "file")
    assert (result.exit_code, result.stderr.splitlines()[-1]) == (
        2,
        "--home: file cannot be a folder: it is a file; name one that may be written",
    )
    result = up("--home", "file/home")
    assert (result.exit_code, result.stderr.splitlines()[-1]) == (
        2,
        "--home: file/home cannot be a folder: Not a directory; name one that may be written",
    )


def test_a_home_that_this_user_may_not_make_is_told_without_looking_further(here: Path) -> None:
    class Forbidden(type(here)):  # type: ignore[misc]
        def mkdir(self, *_: object, **__: object) -> None:
            raise PermissionError(13, "Permission denied", str(self))

        def is_file(self) -> bool:
            raise PermissionError(13, "Permission denied", str(self))

    with pytest.raises(ConfigError, match=r"^--home: home cannot be a folder: Permission denied; name one that"):
        made(Forbidden("home"), "--home")


def test_an_address_of_a_server_that_is_none_is_bad_input() -> None:
    result = up()
    assert (result.exit_code, result.stderr.splitlines()[-1]) == (
        2,
        "PREFECT_API_URL: 'nonsense' is no address; write http(s)://HOST/api",
    )
