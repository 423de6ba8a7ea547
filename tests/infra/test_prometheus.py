"""Prometheus' configuration is one that Prometheus takes, and the page's examples are ones that Surefoot takes."""

import re
import subprocess
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from surefoot.release import Revision
from tasks.settings import load_service
from tasks.vitals import plan_problem
from tasks.vitals.prometheus.counted import class_of
from tasks.vitals.prometheus.selector import Selector

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / "infra/prometheus/prometheus.yml"
PAGE = (ROOT / "docs/how-to/vitals.md").read_text("utf-8")
# The clouds' own metrics come after it, and have tests of their own.
EXAMPLES = re.findall(r"```yaml\n(vitals:.*?)```", PAGE.partition("\n## Cloud Monitoring\n")[0], re.DOTALL)
TARGETS = {
    "cloudwatch": "{kind: ecs, region: eu-west-1, cluster: production, service: shop}",
    "": "{kind: cloud_run, project: acme-shop, region: europe-west1, service: shop}",
}
SERVICE = """\
name: shop
checks: [{name: up, path: /healthz}]
environments:
  production:
    target: TARGET
    rollout: {steps: [{traffic: 10%, watch: 10m}, {traffic: 100%, watch: 5m}]}
"""


@pytest.mark.real
def test_prometheus_takes_the_configuration(require):
    promtool = require("promtool", "prometheus")
    done = subprocess.run([promtool, "check", "config", CONFIG], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr


def test_the_rehearsal_is_scraped_on_this_machine_and_as_often_as_the_page_says():
    config = YAML(typ="safe").load(CONFIG.read_text())
    [job] = [each for each in config["scrape_configs"] if each["job_name"] == "rehearsal"]

    assert job["static_configs"] == [{"targets": ["127.0.0.1:8702"]}]
    [section] = [each for each in EXAMPLES if "rehearsal_requests_total" in each]
    assert f"scrape_interval: {config['global']['scrape_interval']}\n" in section


@pytest.mark.parametrize("section", EXAMPLES, ids=lambda section: re.search(r"source: (\w+)", section)[1])
def test_an_example_of_the_page_is_a_section_that_is_taken(section, tmp_path):
    indented = "".join(f"    {line}\n" for line in section.splitlines())
    target = next(target for source, target in TARGETS.items() if source in section)
    (tmp_path / "shop.yaml").write_text(SERVICE.replace("TARGET", target) + indented)
    production = load_service(tmp_path / "shop.yaml").environments["production"]

    assert plan_problem(production) == ""
    for name in {"requests", "latency"} & production.vitals.settings.keys():
        filled = Selector.parse(production.vitals.settings[name]).of(Revision("shop-7", "", ready=True))
        assert 'revision="shop-7"' in filled


def test_the_pages_table_of_codes_is_what_is_done_with_them():
    rows = re.findall(r"^\| (`[^|]+) \| ([^|]+) \|$", PAGE.split("| code |")[1].split("\n\n")[0], re.MULTILINE)
    told = {code: means for codes, means in rows for code in re.findall(r"`(\w+)`", codes)}

    assert len(told) == 12
    for code, means in told.items():
        kind = class_of(code)
        failed, refused = kind in ("5xx", "timeout", "connection"), kind == "4xx"
        assert (failed, refused) == (means.startswith("a failure"), means.startswith("refused")), code
