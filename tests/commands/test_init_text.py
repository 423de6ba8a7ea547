"""The service file that `surefoot init` writes, from values: whatever runs, what is written can be read."""

from pathlib import Path

import pytest

from commands.init_text import Found, Proposal, service_file, todo
from commands.whereabouts import ORIGINS
from surefoot.release import Revision
from surefoot.service import Service
from surefoot.target import Live
from surefoot.traffic import Traffic
from tasks.settings import load_service

PLACES = {
    "cloud-run": {"project": "acme", "region": "europe-west1"},
    "ecs": {"region": "eu-west-1", "cluster": "production"},
}
PROPOSALS = [(name, proposal) for name, origin in ORIGINS.items() for proposal in origin.proposals]


def found(name: str, proposal: Proposal, service: str = "shop", **settings: str) -> Found:
    """Return what `surefoot init` would have read from a platform."""
    place = {"kind": ORIGINS[name].kind, **PLACES[name], "service": service, **settings, **proposal.settings}
    revisions = {"shop-1": Revision("shop-1", "registry/shop:1", ready=True)}
    live = Live("https://shop.example", Traffic.all_on("shop-1"), revisions, "v1")
    return Found(service, ORIGINS[name].called, place, proposal, live, ())


def written(folder: Path, what: Found) -> Service:
    """Return the service that the written file says."""
    file = folder / "shop.yaml"
    file.write_text(service_file(what), "utf-8")
    return load_service(file)


@pytest.mark.parametrize(("name", "proposal"), PROPOSALS)
def test_every_proposal_can_be_read_and_its_platform_can_climb_it(
    name: str, proposal: Proposal, tmp_path: Path
) -> None:
    what = found(name, proposal)
    service = written(tmp_path, what)
    assert list(service.environments) == ["staging", "production"]
    for environment, theirs in (("staging", "shop-staging"), ("production", "shop")):
        place = service.environments[environment].place
        assert {"kind": place.kind, **place.settings}.items() >= {**what.settings, "service": theirs}.items()
    text = service_file(what)
    assert f"# Read from {ORIGINS[name].called}: 100 % on shop-1, at https://shop.example\n# image registry/s" in text
    asked = [words.partition(":")[0] for _, words in todo(text)]
    assert asked == (
        ["smoke", "staging", "address", "address", "approvers"] if proposal.asks else ["smoke", "staging", "approvers"]
    )
    assert max(map(len, text.splitlines())) <= 120


@pytest.mark.parametrize("word", ["true", "No", "null", "123", "1e3", "0x1f", "-", "_", "2026-11-21", "y"])
def test_a_name_that_yaml_would_take_for_something_else_stays_a_name(word: str, tmp_path: Path) -> None:
    service = written(tmp_path, found("ecs", ORIGINS["ecs"].proposals[0], service=word, cluster=word))
    settings = service.environments["production"].place.settings
    assert (settings["service"], settings["cluster"]) == (word, word)


@pytest.mark.parametrize(
    ("service", "name"),
    [
        ("shop", "shop"),
        ("Shop_Web", "shop-web"),
        ("a--b", "a--b"),
        ("_x_", "x"),
        ("24h", "service-24h"),
        ("__", "service"),
        ("a" * 49 + "-b", "a" * 49),
        ("S" * 255, "s" * 50),
    ],
)
def test_a_service_has_a_name_that_surefoot_takes_whatever_ecs_calls_it(
    service: str, name: str, tmp_path: Path
) -> None:
    what = found("ecs", ORIGINS["ecs"].proposals[0], service=service)
    read = written(tmp_path, what)
    assert read.name == name
    assert read.environments["production"].place.settings["service"] == service


def test_staging_is_called_after_production_within_what_cloud_run_takes(tmp_path: Path) -> None:
    for service, staging in (("shop-production", "shop-staging"), ("a" * 28 + "-bbbbbbbb", "a" * 28 + "-staging")):
        read = written(tmp_path, found("cloud-run", ORIGINS["cloud-run"].proposals[0], service=service))
        assert read.environments["staging"].place.settings["service"] == staging


def test_a_target_that_is_too_long_for_a_line_has_a_line_for_each_setting(tmp_path: Path) -> None:
    what = found("ecs", ORIGINS["ecs"].proposals[0], cluster="c" * 90)
    assert "    target:\n      kind: ecs\n      region: eu-west-1\n" in service_file(what)
    assert written(tmp_path, what).environments["production"].place.settings["cluster"] == "c" * 90


def test_a_refusal_leads_to_another_proposal_only_where_it_names_its_setting() -> None:
    split, replaced = ORIGINS["ecs"].proposals
    assert replaced.answers("users cannot be split; give it one, or write strategy: rolling")
    assert not replaced.answers("look: url: https://example.com")
    assert not split.answers("users cannot be split; give it one, or write strategy: rolling")
