"""Where a service runs, as it is typed: what is wrong is told before anybody is asked."""

import pytest
from click.testing import CliRunner, Result

from commands.cli import cli
from commands.whereabouts import ORIGINS, whereabouts
from tasks.targets import TARGETS, settings_model


def init(*words: str) -> Result:
    """Type `surefoot init` with what cannot be asked for."""
    return CliRunner().invoke(cli, ["init", *words])


def test_each_word_that_cannot_be_one_is_told_as_it_was_typed_with_an_example() -> None:
    elsewhere = "grpc://127.0.0.1:99999"
    result = init("--from", "cloud-run", "--project", "A", "--region", "r r", "--endpoint", elsewhere, "Shop")
    assert result.exit_code == 2
    assert result.stderr.splitlines() == [
        "--project: 'A' is not the id of a Google Cloud project, such as acme-shop",
        "--region: 'r r' is not a region, such as europe-west1",
        "SERVICE: 'Shop' is not the name of a service: small letters, digits and -, at most 37, such as shop",
        f"--endpoint: {elsewhere!r} is not a rehearsal's address on this machine, such as grpc://127.0.0.1:8701",
    ]


def test_the_same_words_are_told_with_what_is_right_on_the_other_platform() -> None:
    elsewhere = "http://example.com"
    result = init("--from", "ecs", "--region", "laptop", "--cluster", "a b", "--endpoint", elsewhere, "s!")
    assert result.exit_code == 2
    assert result.stderr.splitlines() == [
        "--region: 'laptop' is not a region, such as eu-west-1",
        "--cluster: 'a b' is not the name of a cluster, such as production",
        "SERVICE: 's!' is not the name of a service: letters, digits, - and _, such as shop",
        f"--endpoint: {elsewhere!r} is not a rehearsal's address on this machine, such as http://127.0.0.1:8704",
    ]


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (
            ("--from", "ecs", "--project", "acme"),
            [
                "--region: missing; it is a region, such as eu-west-1",
                "--cluster: missing; it is the name of a cluster, such as production",
                "--project: belongs to --from cloud-run, not to ecs; leave it out",
            ],
        ),
        (
            ("--from", "cloud-run", "--cluster", "production"),
            [
                "--project: missing; it is the id of a Google Cloud project, such as acme-shop",
                "--region: missing; it is a region, such as europe-west1",
                "--cluster: belongs to --from ecs, not to cloud-run; leave it out",
            ],
        ),
    ],
)
def test_what_is_missing_and_what_belongs_to_another_platform_is_named(typed: tuple[str, ...], said: list[str]) -> None:
    result = init(*typed, "shop")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.splitlines() == said


def test_a_platform_that_there_is_not_is_bad_input() -> None:
    result = init("--from", "heroku", "shop")
    assert result.exit_code == 2
    assert "'cloud-run', 'ecs'" in result.stderr


def test_every_target_can_be_read_from_and_all_that_it_needs_can_be_typed() -> None:
    assert {origin.kind for origin in ORIGINS.values()} == set(TARGETS)
    for origin in ORIGINS.values():
        fields = settings_model(origin.kind).model_fields
        needed = {name for name, field in fields.items() if field.is_required()}
        assert needed <= set(origin.parts) <= set(fields)


def test_a_place_is_in_the_order_of_the_file_and_without_what_was_not_typed() -> None:
    typed = {"project": "", "endpoint": "", "cluster": "c", "region": "r"}
    assert list(whereabouts("ecs", "shop", typed).items()) == [("region", "r"), ("cluster", "c"), ("service", "shop")]
