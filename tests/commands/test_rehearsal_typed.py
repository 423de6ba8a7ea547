"""`surefoot rehearsal up`, as it is mistyped: told before anything is started."""

import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from commands.cli import cli
from commands.rehearsal import then
from commands.rehearsed import image, images
from rehearsal.__main__ import main

OTHER = "images:\n  - image: a/b\n    tag: 1\n    command: [x]\n"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Be in a folder with one file, which is no folder."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_bytes(b"\x00\xff")
    (tmp_path / "other.yaml").write_text(OTHER)
    return tmp_path


def up(*words: str) -> Result:
    return CliRunner().invoke(cli, ["rehearsal", "up", "--any-port", *words])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--public", "shop"), "'--public': 'shop' is not SERVICE=PORT, such as shop=8800"),
        (("--public", "shop=65536"), "'--public': 'shop=65536' is not SERVICE=PORT"),
        (("--public", "=8800"), "'--public': '=8800' is not SERVICE=PORT"),
        (("--grpc-port", "65536"), "'--grpc-port': 65536 is not in the range 0<=x<=65535"),
        (("--slack-port", "-1"), "'--slack-port': -1 is not in the range"),
        (("--catalogue", "file"), "file: not YAML: it is not text"),
        (("--catalogue", "none.yaml"), "none.yaml: cannot be read: No such file"),
        (("--catalogue", "other.yaml"), "--catalogue: other.yaml lacks the sample shop's registry.rehearsal/shop@"),
        (("--state", "file"), "--state: file cannot be a folder: it is a file"),
    ],
)
def test_what_cannot_be_used_is_bad_input_in_a_sentence(words: tuple[str, ...], said: str) -> None:
    result = up(*words)
    assert result.exit_code == 2
    assert said in result.stderr
    assert "python -m" not in result.stderr


def test_the_images_that_a_release_may_name_are_known_by_version() -> None:
    assert images(None, "1.0.0")["1.1.0"] == image("1.1.0")
    assert images(Path("other.yaml"), "") == {}


def test_a_person_is_told_what_to_type_next_and_each_line_is_complete() -> None:
    plan, up_too, deploy = then("/a folder/shop.yaml", image("1.1.0"), "registry.rehearsal=http://127.0.0.1:8705")
    assert plan == "SUREFOOT_SERVICES='/a folder/shop.yaml' surefoot plan shop production"
    assert "SUREFOOT_SERVICES='/a folder/shop.yaml' surefoot up " in up_too
    assert "REHEARSAL_SLACK_TOKEN=" in up_too
    assert " SUREFOOT_REGISTRIES=registry.rehearsal=http://127.0.0.1:8705 " in up_too
    assert shlex.split(deploy) == [
        *("surefoot", "deploy", "/a folder/shop.yaml", "staging", "--image", image("1.1.0")),
        *("--commit", "4e1c9aa", "--version", "1.1.0"),
    ]
    assert then("shop.yaml", "", "") == ["SUREFOOT_SERVICES=shop.yaml surefoot plan shop production"]


@pytest.mark.parametrize("words", [("--grpc-port", "65536"), ("--slack-port", "-1"), ("--public", "x=99999")])
def test_the_process_itself_refuses_a_port_that_is_none(
    words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main([*words])
    assert ended.value.code == 2
    assert "is not a port: 0 (any free one) to 65535" in capsys.readouterr().err


def test_the_process_itself_names_the_file_that_it_may_not_write(here: Path) -> None:
    words = [sys.executable, "-m", "rehearsal", "--announce", str(here / "file/addresses.json")]
    root = Path(__file__).parents[2]
    run = subprocess.run(words, capture_output=True, text=True, check=False, cwd=root, timeout=60)
    assert run.returncode == 2
    assert run.stderr.splitlines()[-1] == f"File exists; cannot use {here / 'file'}"
