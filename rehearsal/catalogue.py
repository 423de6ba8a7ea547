"""Which images there are, and what runs when one of them is started."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from rehearsal.registry.content import image as built
from surefoot.errors import ConfigError
from surefoot.release import Image

SAMPLE = Path(__file__).with_name("catalogue.yaml")
_REQUIRED = ("image", "tag", "command")
_KNOWN = (*_REQUIRED, "env", "digest")


@dataclass(frozen=True, slots=True)
class Recipe:
    """One image: its names, the command it runs and the environment it brings."""

    image: str
    tag: str
    digest: str
    command: tuple[str, ...]
    env: Mapping[str, str]

    @property
    def reference(self) -> str:
        """Return `repository@sha256:…`, the only name that cannot be moved."""
        return f"{self.image}@{self.digest}"

    @property
    def argv(self) -> tuple[str, ...]:
        """Return the command with `python` as the interpreter that runs us."""
        program, *arguments = self.command
        return (sys.executable if program == "python" else program, *arguments)


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The images that exist; anything else is missing, as it would be in a registry."""

    recipes: tuple[Recipe, ...]

    @classmethod
    def load(cls, path: Path = SAMPLE) -> "Catalogue":
        """Read a catalogue file; ConfigError says file, line and what would be right."""
        try:
            document = YAML().load(path)
        except OSError as problem:
            raise ConfigError(f"{path}: cannot be read: {problem.strerror}") from problem
        except MarkedYAMLError as problem:
            line = problem.problem_mark.line + 1 if problem.problem_mark else 1
            raise ConfigError(f"{path}:{line}: not YAML: {problem.problem}") from problem
        except (YAMLError, UnicodeDecodeError) as problem:  # bytes that are no text
            raise ConfigError(f"{path}: not YAML: it is not text in UTF-8") from problem
        entries = document.get("images") if isinstance(document, CommentedMap) else None
        if not isinstance(entries, CommentedSeq) or not entries:
            raise ConfigError(f"{path}:1: no images; write a list under `images:`, each with image, tag and command")
        return cls._distinct(
            path, [_recipe(path, entries.lc.item(at)[0] + 1, entry) for at, entry in enumerate(entries)]
        )

    @classmethod
    def _distinct(cls, path: Path, recipes: list[Recipe]) -> "Catalogue":
        names = [name for recipe in recipes for name in (f"{recipe.image}:{recipe.tag}", recipe.reference)]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ConfigError(f"{path}: {twice[0]} is there twice; a tag and a digest each name one image")
        return cls(tuple(recipes))

    def find(self, reference: str) -> Recipe | None:
        """Return what `repository@sha256:…` or `repository:tag` runs; None when there is no such image."""
        names = ((recipe.reference, f"{recipe.image}:{recipe.tag}", recipe) for recipe in self.recipes)
        return next((recipe for by_digest, by_tag, recipe in names if reference in (by_digest, by_tag)), None)

    def digest(self, reference: str) -> str | None:
        """Return `sha256:…` for `repository:tag` (or `repository@sha256:…`); None when there is no such image."""
        recipe = self.find(reference)
        return recipe.digest if recipe else None


def _recipe(path: Path, line: int, entry: object) -> Recipe:
    if not isinstance(entry, CommentedMap):
        raise ConfigError(f"{path}:{line}: {entry!r} is not an image; write image, tag and command")
    for key in entry:
        if key not in _KNOWN:
            raise ConfigError(f"{path}:{entry.lc.key(key)[0] + 1}: {key!r} is not known; known are {', '.join(_KNOWN)}")
    for key in _REQUIRED:
        if not entry.get(key):
            raise ConfigError(f"{path}:{line}: {key!r} is missing")
    command = entry["command"]
    if not isinstance(command, list):
        raise ConfigError(f"{path}:{entry.lc.key('command')[0] + 1}: command is a list of words: [python, -m, shop]")
    image, tag, words = str(entry["image"]), str(entry["tag"]), [str(word) for word in command]
    given = entry.get("env") or {}
    if not isinstance(given, dict):
        raise ConfigError(f"{path}:{entry.lc.key('env')[0] + 1}: env is a mapping of names to values: {{LIMIT: 5}}")
    env = {str(name): str(value) for name, value in given.items()}
    _, manifest = built({"image": image, "tag": tag, "command": words, "env": env})
    digest = str(entry.get("digest") or manifest.digest)
    try:
        Image.parse(f"{image}@{digest}")
    except ValueError as problem:
        raise ConfigError(f"{path}:{line}: {problem}") from problem
    return Recipe(image, tag, digest, tuple(words), env)
