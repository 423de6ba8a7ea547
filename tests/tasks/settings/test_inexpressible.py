"""A climb that its platform cannot make is a mistake in the file, at its place, with the nearest that it can."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tasks.settings import read
from tasks.settings.mistake import Mistake

ON_ECS = """\
name: shop
checks: [{name: up, path: /healthz}]
environments:
  production:
    target: {kind: ecs, region: eu-west-1, cluster: production, service: shop%s}
    rollout:
      patience: 10m
      steps:
%s
"""
Mistakes = Callable[..., list[Mistake]]


@pytest.fixture
def ecs(tmp_path: Path) -> Mistakes:
    """Return the mistakes of a climb by its percents, on an ECS target with more settings."""

    def found(steps: Sequence[int], more: str = "", watch: str = "10m", rollout: str = "") -> list[Mistake]:
        climb = [f"        - {{traffic: {percent}%, watch: {watch}}}" for percent in steps]
        file = tmp_path / "shop.yaml"
        file.write_text(ON_ECS % (more, "\n".join([*climb, *filter(None, [rollout])])), "utf-8")
        reading = read(file)
        assert bool(reading.mistakes) is (reading.service is None)
        assert reading.document is not None
        return list(reading.mistakes)

    return found


@pytest.mark.parametrize(
    "steps",
    [(100,), (1, 100), (10, 100), (99, 100), (50, 100), (25, 50, 75, 100), (40, 80, 100), (3, *range(6, 101, 3), 100)],
)
def test_what_ecs_can_climb_is_no_mistake(ecs: Mistakes, steps: Sequence[int]) -> None:
    assert ecs(steps) == []


def test_every_whole_percent_is_one_that_ecs_can_begin_with(ecs: Mistakes) -> None:
    assert [percent for percent in range(1, 100) if ecs((percent, 100))] == []


@pytest.mark.parametrize(
    ("steps", "listed", "linear", "canary"),
    [
        ((5, 25, 50, 100), "5, 25, 50, 100 %", "25, 50, 75, 100 %", "5, 100 %"),
        ((10, 50, 100), "10, 50, 100 %", "34, 68, 100 %", "10, 100 %"),
        ((20, 40, 60, 100), "20, 40, 60, 100 %", "25, 50, 75, 100 %", "20, 100 %"),
        ((1, 2, 100), "1, 2, 100 %", "34, 68, 100 %", "1, 100 %"),
    ],
)
def test_uneven_steps_are_told_with_the_nearest_that_ecs_can(
    ecs: Mistakes, steps: Sequence[int], listed: str, linear: str, canary: str
) -> None:
    (mistake,) = ecs(steps)
    assert (mistake.line, mistake.column, mistake.path) == (6, 5, "environments.production.rollout")
    assert Path(mistake.file).name == "shop.yaml"
    assert f"{listed} is neither" in mistake.message
    assert f"The nearest: {linear} (LINEAR), or {canary} (CANARY)" in mistake.message


def test_the_nearest_that_is_named_is_no_mistake_itself(ecs: Mistakes) -> None:
    (mistake,) = ecs((5, 25, 50, 100))
    _, _, nearest = mistake.message.partition("The nearest: ")
    told = [[int(word.strip(" %")) for word in each.split(" (")[0].split(",")] for each in nearest.split(", or ")]
    assert told == [[25, 50, 75, 100], [5, 100]]
    assert [ecs(steps) for steps in told] == [[], []]


def test_a_silence_that_a_healthy_climb_may_have_is_not_too_short_for_ecs(ecs: Mistakes) -> None:
    # The longest watch, the patience, and two minutes.
    assert ecs((10, 100), ", hook_timeout: 22m") == []
    (mistake,) = ecs((10, 100), ", hook_timeout: 21m")
    assert (mistake.line, mistake.path) == (6, "environments.production.rollout")
    assert mistake.message.startswith("hook_timeout is 21m, but this climb may hold for 22m: ")
    assert mistake.message.endswith("Raise it, or leave it out")


def test_a_hook_timeout_that_ecs_does_not_take_is_told_at_its_value(ecs: Mistakes) -> None:
    for value in ("30s", "15d"):
        (mistake,) = ecs((100,), f", hook_timeout: {value}", watch="0s")
        assert (mistake.line, mistake.path) == (5, "environments.production.target.hook_timeout")
        assert f"'{value}' is not between 1m and 14d" in mistake.message


@pytest.mark.parametrize(
    ("steps", "watch", "rollout"),
    [
        ((10, 100), "0s", ""),
        ((100,), "10m", ""),
        ((100,), "0s", "      compare: 2m"),
        ((100,), "0s", "      bake: 2m"),
    ],
)
def test_a_rolling_update_that_would_have_to_split_users_says_what_to_write(
    ecs: Mistakes, steps: Sequence[int], watch: str, rollout: str
) -> None:
    (mistake,) = ecs(steps, ", strategy: rolling", watch, rollout)
    assert (mistake.line, mistake.path) == (6, "environments.production.rollout")
    assert "a rolling update cannot split users" in mistake.message
    assert "steps: [{traffic: 100%, watch: 0s}] without compare and bake" in mistake.message


def test_a_rolling_update_at_once_is_no_mistake(ecs: Mistakes) -> None:
    assert ecs((100,), ", strategy: rolling, url: https://shop.example.com", watch="0s") == []


def test_the_same_uneven_steps_are_no_mistake_on_cloud_run(tmp_path: Path) -> None:
    target = "kind: ecs, region: eu-west-1, cluster: production, service: shop%s"
    there = "kind: cloud_run, project: acme-shop, region: europe-west1, service: shop"
    file = tmp_path / "shop.yaml"
    steps = "\n".join(f"        - {{traffic: {percent}%, watch: 10m}}" for percent in (5, 25, 50, 100))
    file.write_text(ON_ECS.replace(target, there) % steps, "utf-8")
    assert read(file).mistakes == ()


def test_each_environment_is_told_of_its_own_climb(tmp_path: Path) -> None:
    rollout = "steps: [{traffic: 5%, watch: 0s}, {traffic: 30%, watch: 0s}, {traffic: 100%, watch: 0s}]"
    places = "".join(
        f"  {name}:\n    target: {{kind: ecs, region: eu-west-1, cluster: c, service: s-{name}}}\n"
        f"    rollout:\n      {rollout}\n"
        for name in ("staging", "production")
    )
    file = tmp_path / "shop.yaml"
    file.write_text(f"name: shop\nchecks: [{{name: up, path: /healthz}}]\nenvironments:\n{places}", "utf-8")
    assert [(each.line, each.path) for each in read(file).mistakes] == [
        (6, "environments.staging.rollout"),
        (10, "environments.production.rollout"),
    ]
