"""`surefoot schema`: how a service file is written."""

import json

import click

from commands.menu import examples


@click.command(
    epilog=examples(
        ("completion and hover in an editor", "surefoot schema > service-file.schema.json"),
        ("the reference page", "surefoot schema --format markdown"),
        codes="0 done",
    )
)
@click.option("--format", "form", type=click.Choice(["json", "markdown"]), default="json", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
def schema(*, form: str, as_json: bool) -> None:
    """Print how a service file is written: JSON Schema (draft-07) for editors, or a page for people."""
    from tasks.settings.reference import json_schema, page  # noqa: PLC0415 (--help does without pydantic)

    if form == "markdown" and not as_json:
        click.echo(page(), nl=False)
    else:
        click.echo(json.dumps(json_schema(), indent=2, ensure_ascii=False))
