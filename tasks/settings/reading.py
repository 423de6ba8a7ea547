"""Reading one service file: the service, or all mistakes at once in the file's order."""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Any

from pydantic import BaseModel

from surefoot.errors import ConfigError
from surefoot.service import Service
from tasks import targets, vitals
from tasks.settings import meaning
from tasks.settings.document import Document, Path, Span, parse
from tasks.settings.mistake import Found, Mistake, Page, span_of
from tasks.settings.model import ServiceFile
from tasks.settings.near import near
from tasks.settings.rules import broken_rules
from tasks.settings.secrets import secret_spans
from tasks.settings.syntax import NotYaml
from tasks.settings.words import findings, shown


@dataclass(frozen=True, slots=True)
class _Choice:
    """A section that names an adapter by a key; all else in it is that adapter's."""

    key: str
    which: str
    what: str
    known: Collection[str]
    settings_model: Callable[[str], type[BaseModel]]


_CHOICES = {
    "target": _Choice("kind", "which platform", "a target", targets.TARGETS, targets.settings_model),
    "vitals": _Choice("source", "which source", "a source of vitals", vitals.SOURCES, vitals.settings_model),
}
_LARGEST = 1_000_000
_LEAKED = (
    "a secret written out; it has been read by every clone. Revoke it, then refer to one: "
    "{env: NAME} or {prefect: block}"
)


@dataclass(frozen=True, slots=True)
class Reading:
    """What reading a file gave: a service, or mistakes; `document` says where each value stands."""

    file: str
    mistakes: tuple[Mistake, ...] = ()
    service: Service | None = None
    document: Document | None = None


def read(path: FilePath) -> Reading:
    """Read a service file; nothing is raised for what is wrong with it."""
    file = str(path)
    try:
        text = _text(path)
    except ConfigError as problem:
        return Reading(file, (Mistake(file, 0, 0, "", str(problem)),))
    except UnicodeDecodeError as problem:
        return Reading(file, (_not_utf8(file, problem),))
    try:
        document = parse(text)
    except NotYaml as problem:
        span = Span(problem.line, problem.column, problem.line, problem.column + 1)
        return Reading(file, (Page(file, text).mistake((), problem.message, span),))
    mistakes = _mistakes(file, text, document)
    if mistakes:
        return Reading(file, mistakes, document=document)
    service = meaning.service(ServiceFile.model_validate(document.tree), file)
    mistakes = _inexpressible(service, Page(file, text), document)
    return Reading(file, mistakes, None if mistakes else service, document)


def _inexpressible(service: Service, page: Page, document: Document) -> tuple[Mistake, ...]:
    """Return the climbs that their platform cannot make, and those that their source of vitals cannot look at."""
    found = []
    for name, environment in service.environments.items():
        path: Path = ("environments", name)
        if problem := targets.plan_problem(environment.place, environment.plan):
            found.append(page.mistake((*path, "rollout"), problem, document.key_span((*path, "rollout"))))
        if problem := vitals.plan_problem(environment):
            found.append(page.mistake((*path, "vitals"), problem, document.key_span((*path, "vitals"))))
    return tuple(found)


def _text(path: FilePath) -> str:
    try:
        if path.is_dir():
            raise ConfigError("a folder; name a file in it")
        if path.stat().st_size > _LARGEST:
            raise ConfigError(f"{path.stat().st_size:,} bytes; a service file has less than {_LARGEST:,}")
        return path.read_bytes().decode("utf-8-sig")
    except OSError as problem:
        reason = (
            "no such file" if isinstance(problem, FileNotFoundError) else (problem.strerror or str(problem)).lower()
        )
        raise ConfigError(f"cannot be read: {reason}") from problem


def _not_utf8(file: str, problem: UnicodeDecodeError) -> Mistake:
    before = problem.object[: problem.start]
    line, column = before.count(b"\n") + 1, len(before) - before.rfind(b"\n")
    return Mistake(
        file, line, column, "", f"the byte 0x{problem.object[problem.start]:02x} is not UTF-8; save it as UTF-8"
    )


def _mistakes(file: str, text: str, document: Document) -> tuple[Mistake, ...]:
    found = [*_odd(document), *_all_findings(document), *_leaks(text, document)]
    slips = [each.nearest for each in found if each.nearest]
    kept = [each for each in found if not any(_is_about(each, slip) for slip in slips)]
    page = Page(file, text, _secrets(kept, document))
    placed = sorted(((_place(document, each), each) for each in kept), key=lambda pair: (pair[0].line, pair[0].column))
    once: dict[tuple[int, int], Mistake] = {}
    for span, each in placed:
        since = document.value_span(each.also) if each.also else None
        once.setdefault((span.line, span.column), page.mistake(each.path, each.message, span, since))
    return tuple(once.values())


def _secrets(found: list[Found], document: Document) -> Iterator[Span]:
    for each in found:
        span = document.value_span(each.path)
        if each.secret and not each.span and span != document.keys.get(each.path):
            yield span


def _is_about(found: Found, slip: Path) -> bool:
    """Whether it only says that something is missing which is there under a misspelt key: one mistake, said once."""
    return found.missing and found.path[: len(slip)] == slip


def _place(document: Document, found: Found) -> Span:
    if found.span:
        return found.span
    if found.missing:
        return document.key_span(found.path[:-1])
    return document.key_span(found.path) if found.on_key else document.value_span(found.path)


def _odd(document: Document) -> Iterator[Found]:
    for path, span, message in document.odd:
        yield Found(path, message, span=span)


def _all_findings(document: Document) -> Iterator[Found]:
    tree = document.tree
    if tree is None:
        yield Found((), "empty; a service has a name and environments (surefoot schema says how it is written)")
        return
    yield from findings(ServiceFile, tree)
    if not isinstance(tree, dict):
        return
    environments = tree.get("environments")
    for name, each in environments.items() if isinstance(environments, dict) else ():
        for key, kinds in _CHOICES.items():
            if isinstance(each, dict) and isinstance(each.get(key), dict):
                yield from _chosen(kinds, each[key], ("environments", name, key))
    yield from broken_rules(tree)


def _chosen(kinds: _Choice, section: dict[str, Any], at: Path) -> Iterator[Found]:
    """Yield what is wrong with a section whose settings are those of the adapter that it names."""
    kind = section.get(kinds.key)
    if kind is None:
        yield Found((*at, kinds.key), f"missing: {kinds.which}; {near('', kinds.known)}", missing=True)
    elif not isinstance(kind, str) or kind not in kinds.known:
        yield Found((*at, kinds.key), f"{shown(kind)} is not {kinds.what}; {near(str(kind), kinds.known)}")
    else:
        rest = {key: value for key, value in section.items() if key != kinds.key}
        yield from findings(kinds.settings_model(kind), rest, at)


def _leaks(text: str, document: Document) -> Iterator[Found]:
    for start, end in secret_spans(text):
        span = span_of(text, start, end)
        yield Found(document.path_at(span), _LEAKED, secret=True, span=span)
