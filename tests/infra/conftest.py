"""What tests of infra/ read: Terraform's files as plain values, permission lists, and Terraform where it is found."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

INFRA = Path(__file__).parent.parent.parent / "infra"
_MARKS = ("__is_block__", "__comments__", "__inline_comments__")


@dataclass(frozen=True, slots=True)
class Block:
    """A block of Terraform: its kind (resource, variable, …), its labels, what is in it, and where it stands."""

    kind: str
    labels: tuple[str, ...]
    body: dict[str, Any]
    file: Path

    def __str__(self) -> str:
        return f"{self.file.relative_to(INFRA)}: {'.'.join((self.kind, *self.labels))}"


@dataclass(frozen=True, slots=True)
class Configuration:
    """All blocks of a cloud."""

    cloud: str
    blocks: tuple[Block, ...]

    def of(self, kind: str, *labels: str) -> list[Block]:
        """Return the blocks of a kind whose labels begin so."""
        return [each for each in self.blocks if each.kind == kind and each.labels[: len(labels)] == labels]

    def one(self, kind: str, *labels: str) -> dict[str, Any]:
        """Return what is in the only block that is called so."""
        (found,) = self.of(kind, *labels)
        return found.body


@pytest.fixture(scope="session")
def read():
    """Return a way to read a cloud's Terraform; skipped where python-hcl2 is not installed."""
    hcl2 = pytest.importorskip("hcl2", reason="python-hcl2 is not installed")
    known: dict[str, Configuration] = {}

    def configuration(cloud: str) -> Configuration:
        if cloud not in known:
            files = sorted((INFRA / cloud).rglob("*.tf"))
            assert files, cloud
            blocks = [block for file in files for block in _blocks(hcl2.loads(file.read_text("utf-8")), file)]
            known[cloud] = Configuration(cloud, tuple(blocks))
        return known[cloud]

    return configuration


@pytest.fixture(scope="session")
def aws(read) -> Configuration:
    return read("aws")


@pytest.fixture(scope="session")
def gcp(read) -> Configuration:
    return read("gcp")


def _blocks(document: dict[str, Any], file: Path) -> Iterator[Block]:
    for kind, entries in document.items():
        for entry in entries if kind not in _MARKS else ():
            yield from _labelled(kind, (), _plain(entry), entry, file)


def _labelled(kind: str, labels: tuple[str, ...], body: Any, raw: Any, file: Path) -> Iterator[Block]:
    """A label is a level that has no mark of a block."""
    if "__is_block__" in raw:
        yield Block(kind, labels, body, file)
        return
    for label in raw.keys() - set(_MARKS):
        yield from _labelled(kind, (*labels, _word(label)), body[_word(label)], raw[label], file)


def _plain(value: Any) -> Any:
    """Take python-hcl2's marks away, and the quotes that it leaves around strings and labels."""
    if isinstance(value, dict):
        return {_word(key): _plain(each) for key, each in value.items() if key not in _MARKS}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return _word(value) if isinstance(value, str) else value


def _word(text: str) -> str:
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] == '"' else text


@pytest.fixture(scope="session")
def permissions():
    """Return a way to read a cloud's permission list."""
    return lambda cloud: json.loads((INFRA / cloud / "permissions.json").read_text("utf-8"))


class Terraform:
    """The binary, in a folder of its own, with providers from a folder on this machine: nothing is downloaded."""

    def __init__(self, binary: str, mirror: Path | None, folder: Path) -> None:
        self.folder = folder
        self._binary = binary
        self._environ = {"PATH": os.environ["PATH"], "HOME": str(folder), "CHECKPOINT_DISABLE": "1"}
        if mirror is not None:
            settings = folder / "cli.tfrc"
            settings.write_text(f'provider_installation {{\n  filesystem_mirror {{\n    path = "{mirror}"\n  }}\n}}\n')
            self._environ["TF_CLI_CONFIG_FILE"] = str(settings)

    def run(self, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
        """Run a command to its end, whatever that is."""
        command = [self._binary, f"-chdir={self.folder}", *arguments]
        told = self._environ | environ
        return subprocess.run(command, env=told, capture_output=True, text=True, check=False, timeout=600)

    def ok(self, *arguments: str, **environ: str) -> str:
        """Run a command that has to succeed; return what it printed."""
        done = self.run(*arguments, **environ)
        assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
        return done.stdout


@pytest.fixture
def terraform(tmp_path) -> Terraform:
    """Return Terraform without providers; skipped where there is none. CI need not have it: users do not."""
    return Terraform(_binary(), None, tmp_path)


@pytest.fixture(scope="session")
def mirror() -> Path:
    """Return a folder of Terraform providers, by the names that Terraform itself looks for them."""
    named = [Path(os.environ["TERRAFORM_MIRROR"])] if "TERRAFORM_MIRROR" in os.environ else []
    usual = [Path("/usr/local/share/terraform/plugins"), Path("/usr/share/terraform/plugins")]
    homes = [Path.home() / ".terraform.d/plugins", Path.home() / ".local/share/terraform/plugins"]
    for folder in (*named, *homes, *usual, *sorted(Path("/opt").glob("*"))):
        if (folder / "registry.terraform.io/hashicorp").is_dir():
            return folder
    pytest.skip("no Terraform providers on this machine (TERRAFORM_MIRROR names a folder of them): not validated")


@pytest.fixture(scope="session")
def provider(mirror):
    """Return a way to ask for a provider: the newest version found that is at least this, or a skipped test."""

    def newest(name: str, least: tuple[int, ...]) -> str:
        folder = mirror / "registry.terraform.io/hashicorp" / name
        names = [each.name for each in folder.glob("*") if re.fullmatch(r"\d+(\.\d+)+", each.name)]
        found = max(names, key=_number, default="")
        if not found or _number(found) < least:
            pytest.skip(
                f"the newest hashicorp/{name} here is {found or 'none'}, and {'.'.join(map(str, least))} is needed"
            )
        return found

    return newest


def _number(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


def _binary() -> str:
    found = shutil.which("terraform")
    if found is None:
        pytest.skip("terraform is not installed: neither formatted nor validated here")
    return found


@pytest.fixture(scope="session")
def terraform_in(mirror):
    """Return a way to have Terraform in a folder, with this machine's providers."""
    return lambda folder: Terraform(_binary(), mirror, folder)
