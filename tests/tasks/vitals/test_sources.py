"""The registry: which sources there are, what an environment has to say, and which climbs they can look at."""

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from surefoot.errors import ConfigError
from surefoot.rollout import Plan, Step
from surefoot.service import Environment, Place, VitalsRule
from tasks.settings import load_service
from tasks.vitals import SOURCES, connect, plan_problem, settings_model, too_short

SHOP = Path(__file__).parents[3] / "infra/services/shop.yaml"
PROMETHEUS = {
    "url": "http://127.0.0.1:9090",
    "requests": 'http_requests_total{revision="$revision"}',
    "latency": 'http_request_duration_seconds_bucket{revision="$revision"}',
}


def place(source="probes", kind="cloud_run", plan=None, **settings):
    plan = plan or Plan((Step(10, 600), Step(100, 600)))
    return Environment("shop", "production", Place(kind), plan, vitals=VitalsRule(source, settings))


def test_an_unknown_source_names_the_near_one():
    with pytest.raises(ConfigError, match=r"no source of vitals is called 'prometeus'; did you mean prometheus\?"):
        settings_model("prometeus")


def test_a_source_like_none_we_have_lists_them():
    with pytest.raises(ConfigError, match="there is probes, prometheus"):
        settings_model("crystal ball")


@pytest.mark.parametrize("kind", SOURCES)
def test_every_setting_is_described(kind):
    assert all(field.description for field in settings_model(kind).model_fields.values())


@pytest.mark.parametrize("kind", SOURCES)
def test_validating_settings_imports_no_client(kind):
    code = f"import sys, tasks.vitals as v; v.settings_model({kind!r}); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "pydantic" in loaded
    assert not {"google", "grpc", "boto3", "httpx", "aiohttp"} & set(loaded)


def test_a_source_is_connected_as_the_environment_says():
    async def story():
        for environment in (place(), place("prometheus", **PROMETHEUS)):
            source = connect(environment, "geheim")
            source.begin()
            assert "geheim" not in repr(vars(source))
            yielded.append((type(source).__name__, source.lag_s, source.shortest_s))
            await source.close()

    yielded = []
    asyncio.run(story())
    assert yielded == [("Probes", 0.0, 1.0), ("Prometheus", 16.0, 15.0)]


def test_settings_that_were_read_from_a_file_are_those_that_the_source_takes(tmp_path):
    lines = "\n".join(f"      {key}: '{value}'" for key, value in PROMETHEUS.items())
    text = SHOP.read_text().replace(
        "  production:\n", f"  production:\n    vitals:\n      source: prometheus\n{lines}\n"
    )
    (tmp_path / "shop.yaml").write_text(text)
    production = load_service(tmp_path / "shop.yaml").environments["production"]
    assert {key: production.vitals.settings[key] for key in PROMETHEUS} == PROMETHEUS
    assert plan_problem(production) == ""


def test_a_source_of_one_platform_is_refused_on_another():
    assert plan_problem(place("cloudwatch", "cloud_run")) == (
        "cloudwatch knows what runs on ecs, and this runs on cloud_run; look with probes or prometheus"
    )
    assert plan_problem(place("probes", "ecs")) == ""


@pytest.mark.parametrize(
    ("plan", "problem"),
    [
        (Plan((Step(10, 46), Step(100, 0)), bake_s=46), ""),
        (Plan((Step(10, 0), Step(100, 0)), compare_s=1), ""),
        (Plan((Step(10, 45), Step(100, 0))), "10 % is watched for 45s"),
        (Plan((Step(10, 600), Step(100, 600)), bake_s=30), "the bake lasts for 30s"),
    ],
)
def test_a_watch_is_long_enough_for_two_windows_or_the_plan_is_refused(plan, problem):
    assert plan_problem(place("prometheus", plan=plan, **PROMETHEUS)).startswith(problem)
    assert bool(too_short("prometheus", plan, 16, 15)) is bool(problem)
