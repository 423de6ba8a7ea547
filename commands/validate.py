"""`surefoot validate`: all mistakes in service files, at once."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from commands import exits
from commands.init_text import MARK, todo
from commands.menu import examples
from commands.mistakes import summary, told
from commands.terminal import Sign, Terminal, document

if TYPE_CHECKING:
    from tasks.settings.mistake import Mistake
    from tasks.settings.reading import Reading

# GitHub shows ten annotations a step, and loses the rest without a word.
_MOST_ANNOTATIONS = 10


@click.command(
    epilog=examples(
        ("the files that are here", "surefoot validate"),
        ("every value in force, and the line it comes from", "surefoot validate shop.yaml --show"),
        ("annotations in a pull request", "surefoot validate --format github"),
    )
)
@click.argument("files", nargs=-1, type=click.Path(path_type=Path))
@click.option("--show", is_flag=True, help="Print what is in force, defaults too, and where it stands.")
@click.option("--format", "form", type=click.Choice(["text", "json", "github"]), default="text", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
@click.pass_context
def validate(ctx: click.Context, files: tuple[Path, ...], *, show: bool, form: str, as_json: bool) -> None:
    """Check service files: all mistakes at once. Nothing is changed or sent."""
    from tasks.settings.together import read_all  # noqa: PLC0415 (--help does without pydantic)

    readings = read_all(files)
    mistakes = [mistake for reading in readings for mistake in reading.mistakes]
    if as_json or form == "json":
        click.echo(document("validate/1", _fields(readings, show=show)))
    elif form == "github":
        for annotation in annotations(mistakes, Path.cwd()):
            click.echo(annotation)
    else:
        _tell(ctx.obj, readings, mistakes, show=show)
    ctx.exit(exits.BAD_INPUT if mistakes else exits.DONE)


def annotations(mistakes: Sequence["Mistake"], here: Path) -> Iterator[str]:
    """Yield GitHub's workflow commands, paths from the repository's root; the last counts those it would lose."""
    shown = mistakes if len(mistakes) <= _MOST_ANNOTATIONS else mistakes[: _MOST_ANNOTATIONS - 1]
    for mistake in shown:
        text = f"{mistake.path}: {mistake.message}" if mistake.path else mistake.message
        place = {"file": _from_root(mistake.file, here)}
        if mistake.line:
            place |= {"line": str(mistake.line), "col": str(mistake.column)}
        properties = ",".join(
            f"{key}={_escaped(value, ':,')}" for key, value in (*place.items(), ("title", "surefoot"))
        )
        yield f"::error {properties}::{_escaped(text)}"
    if rest := len(mistakes) - len(shown):
        yield f"::error title=surefoot::and {rest} more: surefoot validate lists them all"


def _from_root(file: str, here: Path) -> str:
    path = (here / file).resolve()
    root = next((folder for folder in (here, *here.parents) if (folder / ".git").exists()), here).resolve()
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else file


def _escaped(text: str, more: str = "") -> str:
    for character in "%\r\n" + more:
        text = text.replace(character, f"%{ord(character):02X}")
    return text


def _fields(readings: Sequence["Reading"], *, show: bool) -> dict[str, Any]:
    return {"mistakes": sum(len(each.mistakes) for each in readings), "files": [_file(each, show) for each in readings]}


def _file(reading: "Reading", show: bool) -> dict[str, Any]:
    from tasks.settings.together import in_force  # noqa: PLC0415 (--help does without pydantic)

    service = reading.service
    fields: dict[str, Any] = {
        "file": reading.file,
        "service": service.name if service else None,
        "environments": list(service.environments) if service else [],
        "mistakes": [
            {"line": each.line, "column": each.column, "path": each.path, "message": each.message}
            for each in reading.mistakes
        ],
    }
    if unfinished := _unfinished(reading):
        fields["unfinished"] = [{"line": number, "text": asked} for number, asked in unfinished]
    if show:
        fields["in_force"] = [{"path": path, "value": value, "line": line} for path, value, line in in_force(reading)]
    return fields


def _tell(terminal: Terminal, readings: Sequence["Reading"], mistakes: Sequence["Mistake"], *, show: bool) -> None:
    for line in told(mistakes, terminal):
        click.echo(line)
    for reading in readings:
        if reading.service:
            places = ", ".join(reading.service.environments)
            click.echo(f"  {terminal.sign(Sign.GOOD)} {reading.file}   {reading.service.name}: {places}")
            for number, asked in _unfinished(reading):
                click.echo(f"  {terminal.sign(Sign.UNCLEAR)} {reading.file}:{number} {MARK} {asked}")
            if show:
                _show(reading, terminal)
    click.echo(summary(len(mistakes), len(readings)), err=not terminal.live)
    if not mistakes and (service := readings[0].service):
        click.echo(terminal.next(f"surefoot plan {service.name} {[*service.environments][-1]}"), err=not terminal.live)


def _unfinished(reading: "Reading") -> list[tuple[int, str]]:
    """Return what `surefoot init` left to a person, and nobody has decided yet."""
    return todo(Path(reading.file).read_text("utf-8")) if reading.service else []


def _show(reading: "Reading", terminal: Terminal) -> None:
    from tasks.settings.together import in_force  # noqa: PLC0415 (--help does without pydantic)

    values = list(in_force(reading))
    width = max(len(path) for path, _, _ in values)
    for path, value, line in values:
        source = f"line {line}" if line else "default"
        click.echo(f"    {path:<{width}}  {value}  {terminal.paint(source, dim=True)}")
