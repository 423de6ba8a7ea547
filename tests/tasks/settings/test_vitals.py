"""Where vitals come from: a section of the file, strict like a target, with the token only by reference."""

from collections.abc import Callable
from pathlib import Path

import pytest

from surefoot.service import SecretRef, VitalsRule
from tasks.settings import load_service
from tasks.settings.mistake import Mistake
from tasks.settings.together import in_force, read_all

Mistakes = Callable[..., list[Mistake]]

HERE = "    notices:\n"
PROMETHEUS = """\
    vitals:
      source: prometheus
      url: https://prometheus.example.com
      requests: 'http_requests_total{service="shop", revision="$revision"}'
      latency: 'http_request_duration_seconds_bucket{service="shop", revision="$revision"}'
      token: {env: PROMETHEUS_TOKEN}
"""


@pytest.fixture
def vitals(mistakes: Mistakes) -> Callable[[str], list[Mistake]]:
    """Return the mistakes of a file with such a section, which begins in its line 12."""
    return lambda text: mistakes(HERE, text + HERE)


def test_left_out_it_is_our_own_requests(tmp_path: Path, good: str) -> None:
    (tmp_path / "shop.yaml").write_text(good)
    (tmp_path / "same.yaml").write_text(good.replace(HERE, "    vitals: {source: probes}\n" + HERE))
    left_out, written = (
        load_service(tmp_path / name).environments["production"] for name in ("shop.yaml", "same.yaml")
    )
    assert left_out.vitals == written.vitals == VitalsRule("probes")


def test_the_source_has_all_of_its_settings_and_its_token_stands_beside_them(tmp_path: Path, good: str) -> None:
    (tmp_path / "shop.yaml").write_text(good.replace(HERE, PROMETHEUS + HERE))
    rule = load_service(tmp_path / "shop.yaml").environments["production"].vitals
    assert (rule.source, rule.token) == ("prometheus", SecretRef(env="PROMETHEUS_TOKEN"))
    assert "token" not in rule.settings
    assert rule.settings["url"] == "https://prometheus.example.com"
    assert (rule.settings["scrape_interval"], rule.settings["code"]) == ("15s", "code")


def test_what_is_in_force_is_shown_with_the_token_as_a_reference(tmp_path: Path, good: str) -> None:
    (tmp_path / "shop.yaml").write_text(good.replace(HERE, PROMETHEUS + HERE))
    (reading,) = read_all([tmp_path / "shop.yaml"])
    shown = {path: (value, line) for path, value, line in in_force(reading)}
    assert shown["environments.production.vitals.source"] == ("prometheus", 13)
    assert shown["environments.production.vitals.delay"] == ("1s", None)
    assert shown["environments.production.vitals.token.env"] == ("PROMETHEUS_TOKEN", 17)


@pytest.mark.parametrize(
    ("old", "new", "where", "message"),
    [
        (
            "source: prometheus",
            "source: promethues",
            "13:15 .source",
            "'promethues' is not a source of vitals; did you",
        ),
        (
            "source: prometheus",
            "source: datadog",
            "13:15 .source",
            "expected one of probes, prometheus, cloud_monitori",
        ),
        ("source: prometheus", "source: [a]", "13:15 .source", "a list is not a source of vitals"),
        ("      source: prometheus\n", "", "12:5 .source", "missing: which source; expected one of probes, prometheus"),
        ("requests:", "request:", "15:7 .request", "unknown; did you mean requests?"),
        ("      url: https://prometheus.example.com\n", "", "12:5 .url", "missing: prometheus' address"),
        (
            "https://prometheus.example.com",
            "prometheus:9090",
            "14:12 .url",
            "is not Prometheus' address; write http://",
        ),
        ("https://prometheus", "http://prometheus", "17:14 .token", "would be sent it in plain text; write https://"),
        ("'http_requests", "'sum(http_requests", "15:17 .requests", "is not a plain selector of counters; write name{"),
        (
            ', revision="$revision"}\'\n      latency',
            "}'\n      latency",
            "15:17 .requests",
            "names no revision, so both",
        ),
        ("{env: PROMETHEUS_TOKEN}", "hunter2hunter2", "17:14 .token", "refer to it: {env: VITALS_TOKEN} or {prefect:"),
        ("{env: PROMETHEUS_TOKEN}", "{env: A, prefect: b}", "17:14 .token", "both env and prefect"),
        ("      token", "      scrape_interval: 15\n      token", "17:24 .scrape_interval", "where text is expected"),
        (
            "      token",
            "      stale_after: 5s\n      token",
            "17:20 .stale_after",
            "5s is less than the 15s between two",
        ),
    ],
)
def test_a_mistake_is_told_at_its_place(
    old: str, new: str, where: str, message: str, vitals: Callable[[str], list[Mistake]]
) -> None:
    assert old in PROMETHEUS
    (found,) = vitals(PROMETHEUS.replace(old, new))
    place = f"{found.line}:{found.column} {found.path.removeprefix('environments.production.vitals')}"
    assert (place, message in found.message) == (where, True), found
    assert "hunter2" not in f"{found} {found.excerpt}"


def test_our_own_requests_have_no_settings_here(vitals: Callable[[str], list[Mistake]]) -> None:
    (found,) = vitals("    vitals: {source: probes, checks: 3}\n")
    assert (found.line, found.message) == (12, "unknown; nothing is expected here")


def test_a_watch_that_ends_before_two_windows_were_seen_says_how_long_it_has_to_be(mistakes: Mistakes) -> None:
    slow = PROMETHEUS.replace("      token", "      scrape_interval: 4m\n      token")
    (found,) = mistakes(HERE, slow + HERE)
    assert (found.line, found.column, found.path) == (12, 5, "environments.production.vitals")
    assert found.message == (
        "10 % is watched for 10m, but prometheus shows nothing for 4m1s, and then 4m at a time; make it 12m1s or more, "
        "or look with probes"
    )


@pytest.mark.parametrize("source", ["cloud_monitoring", "cloudwatch"])
def test_metrics_of_a_platform_are_for_what_runs_there(source: str, vitals: Callable[[str], list[Mistake]]) -> None:
    found = vitals(f"    vitals: {{source: {source}}}\n")
    assert [each.path for each in found] == ([] if source == "cloud_monitoring" else ["environments.production.vitals"])
    assert all("knows what runs on ecs, and this runs on cloud_run" in each.message for each in found)
