"""What a file without mistakes means."""

from pathlib import Path

import pytest

from surefoot.check import Comparison, Expectation, Request
from surefoot.errors import ConfigError
from surefoot.rollout import Harm, Limits, Plan, Step, WhenUnclear
from surefoot.service import ApprovalRule, OnCrash, SecretRef, SlackRule
from tasks.settings import environment, load, load_named, load_service
from tasks.settings.together import in_force, read_all
from tasks.targets import settings_model

ROOT = Path(__file__).parents[3]
SHOP = ROOT / "infra/services/shop.yaml"
REHEARSAL = ROOT / "rehearsal/shop.yaml"


def test_the_example_is_what_its_comments_say() -> None:
    production = load_service(SHOP).environments["production"]
    assert production.plan == Plan(
        (Step(5, 600), Step(25, 600), Step(50, 600), Step(100, 300)),
        bake_s=900,
        compare_s=120,
        look_s=5,
        probes_per_s=5,
        patience_s=1200,
        when_unclear=WhenUnclear.ROLL_BACK,
        harm=Harm(error_rate=0.02, latency=0.25, false_alarm=0.01),
        limits=Limits(error_rate=0.05, p95_ms=800.0),
    )
    assert production.approval == ApprovalRule(("ana", "ben"), 3 * 86_400)
    assert production.slack == SlackRule("#shop-releases", SecretRef(env="SLACK_TOKEN"))
    assert production.on_crash is OnCrash.RESTORE
    assert production.key == "shop/production"


def test_an_environments_checks_come_after_those_of_all() -> None:
    service = load_service(SHOP)
    shared = ["ready", "catalogue", "login page", "order"]
    assert [check.name for check in service.environments["staging"].checks] == shared
    assert [check.name for check in service.environments["production"].checks] == [*shared, "front page"]


def test_a_journeys_json_is_a_body_with_its_content_type_and_its_places_stay() -> None:
    order = load_service(SHOP).environments["staging"].checks[3]
    assert order.timeout_s == 5
    assert order.requests[1] == Request(
        "/cart/items",
        "POST",
        {"content-type": "application/json"},
        '{"cart":"{cart}","product":"boots","quantity":2}',
        (Expectation("status", Comparison.EQUAL, 200), Expectation("json.total_cents", Comparison.EQUAL, 25800)),
        {"cart": "json.cart"},
    )


def test_what_is_left_out_is_what_the_core_does_by_itself(tmp_path: Path, good: str) -> None:
    (tmp_path / "shop.yaml").write_text(good.replace("    notices:\n", "    approval: {}\n    notices:\n"))
    production = load_service(tmp_path / "shop.yaml").environments["production"]
    assert production.plan == Plan((Step(10, 600), Step(100, 300)))
    assert production.approval == ApprovalRule()
    assert production.slack == SlackRule("#releases", SecretRef(env="SLACK_TOKEN"))
    assert production.checks[0].requests[0] == Request("/healthz")
    assert production.on_crash is OnCrash.RESTORE


def test_a_limit_is_read_for_each_quantile_by_itself(tmp_path: Path, good: str) -> None:
    limits = "    limits: {p50: 100ms, p95: 800ms, p99: 2s}\n    notices:\n"
    (tmp_path / "shop.yaml").write_text(good.replace("    notices:\n", limits))
    plan = load_service(tmp_path / "shop.yaml").environments["production"].plan
    assert plan.limits == Limits(p50_ms=100.0, p95_ms=800.0, p99_ms=2000.0)


def test_a_place_holds_all_settings_of_its_target_as_text_that_the_target_reads_back() -> None:
    place = load_service(SHOP).environments["production"].place
    model = settings_model(place.kind)
    assert model.model_validate(dict(place.settings)).model_dump(mode="json") == dict(place.settings)
    assert place.settings["service"] == "shop"


def test_the_rehearsals_service_is_the_same_one_with_the_times_of_a_demonstration() -> None:
    rehearsal = load_service(REHEARSAL)
    production = rehearsal.environments["production"]
    assert rehearsal.name == load_service(SHOP).name
    assert [(step.percent, step.watch_s) for step in production.plan.steps] == [(10, 6), (50, 6), (100, 0)]
    assert len(rehearsal.environments["staging"].checks) == 6
    assert production.place.settings["endpoint"].startswith("grpc://127.0.0.1:")


@pytest.fixture
def here(tmp_path: Path, good: str) -> Path:
    """Return a folder with two services, and one file that cannot be read."""
    folder = tmp_path / "infra/services"
    folder.mkdir(parents=True)
    (folder / "shop.yaml").write_text(good)
    (folder / "till.yml").write_text(good.replace("name: shop", "name: till"))
    (folder / "broken.yaml").write_text("name: [")
    return tmp_path


def test_a_service_is_found_by_name_whatever_is_wrong_with_the_files_of_others(here: Path) -> None:
    till = load_named("till", below=here, environ={})
    assert (till.name, Path(till.source).name) == ("till", "till.yml")


def test_a_name_that_no_file_has_gets_the_nearest_and_where_was_looked(here: Path) -> None:
    with pytest.raises(
        ConfigError, match=r"there is no service 'shopp'; did you mean shop\? \(looked in .*broken.yaml"
    ):
        load_named("shopp", below=here, environ={})


def test_a_name_that_two_files_have_is_refused(here: Path, good: str) -> None:
    (here / "infra/services/shop2.yaml").write_text(good)
    with pytest.raises(ConfigError, match=r"the service shop is in 2 files: .*shop.yaml, .*shop2.yaml; keep one"):
        load_named("shop", below=here, environ={})


def test_without_any_file_it_says_what_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no file names one .looked for surefoot.yaml, infra/services"):
        load_named("shop", below=tmp_path, environ={})


def test_what_was_typed_is_a_file_or_a_name(here: Path) -> None:
    assert load(str(here / "infra/services/till.yml")).name == "till"
    assert load("shop", environ={"SUREFOOT_SERVICES": str(here / "infra/services")}).name == "shop"


def test_an_environment_that_is_not_there_gets_the_nearest() -> None:
    service = load_service(SHOP)
    assert environment(service, "staging").name == "staging"
    with pytest.raises(ConfigError, match=r"shop has no environment 'prodution'; did you mean production\?"):
        environment(service, "prodution")


def test_a_file_with_mistakes_is_refused_with_all_of_them_one_a_line(here: Path, good: str) -> None:
    file = here / "infra/services/shop.yaml"
    file.write_text(good.replace("10m", "soon").replace("5m", "later"))
    with pytest.raises(ConfigError) as refused:
        load_service(file)
    assert [line.split(" ")[0] for line in str(refused.value).splitlines()] == [f"{file}:10:33", f"{file}:11:34"]


def test_two_files_for_one_service_is_a_mistake_of_the_second(here: Path, good: str) -> None:
    (here / "infra/services/shop2.yaml").write_text(good)
    first, second = read_all([here / "infra/services/shop.yaml", here / "infra/services/shop2.yaml"])
    assert not first.mistakes
    assert "one file a service" in second.mistakes[0].message
    assert second.mistakes[0].line == 1


def test_the_same_file_given_twice_is_read_once(here: Path) -> None:
    file = here / "infra/services/shop.yaml"
    assert len(read_all([file, file])) == 1


def test_every_value_in_force_is_shown_with_its_line_or_as_a_default(here: Path) -> None:
    (reading,) = read_all([here / "infra/services/shop.yaml"])
    values = {path: (value, line) for path, value, line in in_force(reading)}
    assert values["environments.production.rollout.steps[0].watch"] == ("10m", 10)
    assert values["environments.production.rollout.look"] == ("5s", None)
    assert values["environments.production.target.kind"] == ("cloud_run", 7)
    assert values["environments.production.target.poll_every"] == ("1s", None)
    assert values["environments.production.notices.slack.token.env"] == ("SLACK_TOKEN", 13)


def test_a_journeys_requests_have_methods_and_the_journey_has_none() -> None:
    (reading,) = read_all([SHOP])
    paths = [path for path, _, _ in in_force(reading)]
    assert "checks[3].steps[0].method" in paths
    assert "checks[3].method" not in paths
