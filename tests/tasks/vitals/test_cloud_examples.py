"""What the page tells people to write for the clouds' own metrics is what a service file takes."""

import re
from pathlib import Path

import pytest

from surefoot.release import Revision
from tasks.settings import load_service, read
from tasks.vitals import plan_problem
from tasks.vitals.cloudwatch.queries import BOUNDS_S, request
from tasks.vitals.minutes import Window

PAGE = (Path(__file__).parents[3] / "docs/how-to/vitals.md").read_text("utf-8")
SECTIONS = PAGE.partition("\n## Cloud Monitoring\n")[2]
TARGETS = {
    "cloud_monitoring": "{kind: cloud_run, project: acme-shop, region: europe-west1, service: shop}",
    "cloudwatch": "{kind: ecs, region: eu-west-1, cluster: main, service: shop}",
}


def file(folder, target, example, watch="10m"):
    """Write a service file with an example of the page."""
    written = folder / "shop.yaml"
    written.write_text(
        "name: shop\nchecks: [{name: up, path: /healthz}]\nenvironments:\n  production:\n"
        f"    target: {TARGETS[target]}\n"
        f"    rollout: {{steps: [{{traffic: 10%, watch: {watch}}}, {{traffic: 100%, watch: 10m}}]}}\n"
        f"    {example}"
    )
    return written


def examples():
    return dict(zip(TARGETS, re.findall(r"```yaml\n(vitals:.*?)```", SECTIONS, re.DOTALL), strict=True))


@pytest.mark.parametrize("source", TARGETS)
def test_an_example_of_the_page_is_taken_where_its_platform_is(source, tmp_path):
    production = load_service(file(tmp_path, source, examples()[source])).environments["production"]

    assert production.vitals.source == source
    assert plan_problem(production) == ""


@pytest.mark.parametrize(("source", "target"), [tuple(TARGETS), tuple(reversed(TARGETS))])
def test_a_source_that_knows_nothing_of_the_platform_is_a_mistake_of_the_file(source, target, tmp_path):
    reading = read(file(tmp_path, target, examples()[source]))

    assert reading.service is None
    assert any(f"{source} knows what runs on" in str(mistake) for mistake in reading.mistakes)


@pytest.mark.parametrize("source", TARGETS)
def test_a_watch_shorter_than_the_page_says_is_a_mistake_of_the_file(source, tmp_path):
    assert "take up to 5 min" in SECTIONS
    assert read(file(tmp_path, source, examples()[source], "5m")).service is not None
    assert read(file(tmp_path, source, examples()[source], "4m59s")).service is None


def test_the_page_counts_queries_and_buckets_as_they_are():
    stable, canary = (
        Revision(group, "", ready=True, labels={"load_balancer": "app/shop/9", "target_group": group})
        for group in ("targetgroup/blue/1", "targetgroup/green/2")
    )
    queries = request(stable, canary, Window(0.0, 60.0, 0.0))["MetricDataQueries"]

    assert f"one call of {len(queries)} queries" in SECTIONS
    assert f"in {len(BOUNDS_S) + 1} buckets" in SECTIONS
