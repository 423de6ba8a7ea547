"""What the rules of a load balancer say: who gets how much, and what a request has to look like to meet a rule."""

from collections.abc import Iterable, Mapping
from typing import Any

from surefoot.errors import Refused
from surefoot.release import Address
from tasks.targets.ecs.state import Balance

_USUAL_PORT = {"http": 80, "https": 443}
_WILD = ("*", "?")


def listener_of(rule: str) -> str:
    """Return the full name of the listener that a rule is of: AWS writes the one into the other."""
    return rule.rpartition("/")[0].replace(":listener-rule/", ":listener/")


def weights(rule: Mapping[str, Any]) -> dict[str, int]:
    """Return weight by target group of the rule's forward action; empty where it does not forward."""
    for action in rule.get("Actions") or ():
        groups = (action.get("ForwardConfig") or {}).get("TargetGroups")
        if groups:
            return {group["TargetGroupArn"]: int(group.get("Weight", 1)) for group in groups}
        if action.get("TargetGroupArn"):
            return {action["TargetGroupArn"]: 1}
    return {}


def address(rule: Mapping[str, Any], listener: Mapping[str, Any], url: str = "") -> Address | None:
    """Return what a request that meets a rule looks like; None where that takes more than an address and headers.

    `url` is the service's own address: a rule on the same listener is reached through it.
    """
    headers, host = [], ""
    for condition in rule.get("Conditions") or ():
        field = condition.get("Field")
        if field == "http-header":
            told = condition["HttpHeaderConfig"]
            headers.append((told["HttpHeaderName"], _plain(told["Values"])))
        elif field == "host-header":
            host = _host((condition.get("HostHeaderConfig") or {}).get("Values") or condition.get("Values") or ())
        elif field != "path-pattern":
            return None
    return Address(url or base(listener, host), tuple(headers))


def base(listener: Mapping[str, Any], host: str = "") -> str:
    """Return the address of a listener, by the name that a rule asks for or else the load balancer's own."""
    scheme, port = str(listener["Protocol"]).lower(), int(listener["Port"])
    named = host or listener["DNSName"]
    return f"{scheme}://{named}" if port == _USUAL_PORT.get(scheme) else f"{scheme}://{named}:{port}"


def balance(
    rules: Mapping[str, Mapping[str, Any]],
    listeners: Mapping[str, Mapping[str, Any]],
    production: str,
    test: str,
    url: str,
) -> Balance:
    """Return what the rules do; `rules` and `listeners` are by full name, `url` is the file's own, or empty."""
    if production not in rules:
        raise Refused(f"the production rule {production} is not there; look: aws elbv2 describe-rules")
    here = listener_of(production)
    found = address(rules[production], listeners[here], url)
    public = found.url if found else base(listeners[here])

    def reached(arn: str) -> Address | None:
        listener = listener_of(arn)
        return address(rules[arn], listeners[listener], public if listener == here else "")

    pinned: dict[str, Address] = {}
    for arn in rules.keys() - {production, test}:
        at, alone = reached(arn), _alone(rules[arn])
        if at is not None and alone and (at.headers or listener_of(arn) != here):
            pinned[alone] = at
    tested = test in rules
    return Balance(
        url=public,
        weights=weights(rules[production]),
        test_group=_alone(rules[test]) if tested else "",
        test=reached(test) if tested else None,
        pinned=pinned,
    )


def _alone(rule: Mapping[str, Any]) -> str:
    """Return the one group that a rule leads to, "" where it leads to none or several."""
    groups = [group for group, weight in weights(rule).items() if weight]
    return groups[0] if len(groups) == 1 and not rule.get("IsDefault") else ""


def _plain(values: Iterable[str]) -> str:
    """Return a value that meets one of the patterns, the plainest first."""
    chosen = min(values, key=lambda value: sum(value.count(sign) for sign in _WILD))
    return chosen.replace("*", "").replace("?", "x") or "surefoot"


def _host(values: Iterable[str]) -> str:
    return next((value for value in values if not any(sign in value for sign in _WILD)), "")
