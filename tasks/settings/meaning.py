"""A service file that has no mistakes, as the core's values."""

import json
from collections.abc import Mapping

from surefoot.check import Check, Expectation, Request
from surefoot.rollout import Harm, Limits, Plan, Step, WhenUnclear
from surefoot.service import ApprovalRule, Environment, OnCrash, Place, SecretRef, Service, SlackRule, VitalsRule
from surefoot.units import parse_duration, parse_percent
from tasks import targets, vitals
from tasks.settings import model


def service(file: model.ServiceFile, source: str) -> Service:
    """Return the service that a file describes."""
    shared = tuple(check(each) for each in file.checks)
    environments = {name: environment(file.name, name, each, shared) for name, each in file.environments.items()}
    return Service(file.name, environments, file.repository, source)


def environment(service_name: str, name: str, file: model.Environment, shared: tuple[Check, ...]) -> Environment:
    """Return one environment, with the checks of all before its own."""
    slack = file.notices.slack if file.notices else None
    return Environment(
        service_name,
        name,
        place(file.target),
        plan(file.rollout, file.limits),
        (*shared, *(check(each) for each in file.checks)),
        ApprovalRule(tuple(file.approval.approvers), parse_duration(file.approval.within)) if file.approval else None,
        SlackRule(slack.channel, _reference(slack.token), slack.mention, slack.api_url) if slack else None,
        OnCrash(file.on_crash),
        source(file.vitals),
    )


def place(target: Mapping[str, object]) -> Place:
    """Return the place with all settings of its target, the defaults too."""
    kind = str(target["kind"])
    settings = targets.settings_model(kind).model_validate(_but(target, "kind"))
    return Place(kind, {key: str(value) for key, value in settings.model_dump(mode="json").items()})


def source(file: Mapping[str, object]) -> VitalsRule:
    """Return the source of vitals with all of its settings, the defaults too; its token by reference, beside them."""
    kind = str(file["source"])
    settings = vitals.settings_model(kind).model_validate(_but(file, "source"))
    token = getattr(settings, "token", None)
    dumped = settings.model_dump(mode="json", exclude={"token"}, exclude_none=True)
    return VitalsRule(
        kind, {key: str(value) for key, value in dumped.items()}, _reference(token) if token is not None else None
    )


def _but(section: Mapping[str, object], kind: str) -> dict[str, object]:
    return {key: value for key, value in section.items() if key != kind}


def plan(file: model.Rollout, limits: model.Limits) -> Plan:
    """Return the climb."""
    harm = file.harm
    return Plan(
        tuple(Step(round(parse_percent(step.traffic) * 100), parse_duration(step.watch)) for step in file.steps),
        parse_duration(file.bake),
        parse_duration(file.compare),
        parse_duration(file.look),
        file.probes_per_second,
        parse_duration(file.patience),
        WhenUnclear(file.when_unclear),
        Harm(parse_percent(harm.error_rate), parse_percent(harm.latency), parse_percent(harm.false_alarm)),
        Limits(
            _rate(limits.error_rate),
            _milliseconds(limits.p50),
            _milliseconds(limits.p95),
            _milliseconds(limits.p99),
        ),
    )


def _rate(text: str | None) -> float | None:
    return parse_percent(text) if text else None


def _milliseconds(text: str | None) -> float | None:
    return parse_duration(text) * 1000 if text else None


def check(file: model.Check) -> Check:
    """Return a check: a journey's requests, or its own one."""
    return Check(file.name, tuple(request(each) for each in file.steps or [file]), parse_duration(file.timeout))


def request(file: model.Request) -> Request:
    """Return one request, JSON written out as its body."""
    headers, body = file.headers, file.body
    if file.json_ is not None:
        headers = {"content-type": "application/json", **headers}
        body = json.dumps(file.json_, separators=(",", ":"), ensure_ascii=False)
    expect = tuple(Expectation.parse(line) for line in file.expect)
    return Request(file.path, file.method, headers, body, expect, file.capture)


def _reference(secret: model.Secret) -> SecretRef:
    return SecretRef(secret.env, secret.prefect)
