"""What the rules of a load balancer say: who gets how much, and what a request has to look like to meet a rule."""

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Any
from urllib.parse import urlsplit

from surefoot.errors import Refused
from surefoot.release import Address
from tasks.targets.ecs.state import Balance

_USUAL_PORT = {"http": 80, "https": 443}
_WILD = ("*", "?")
_EVERY_PATH = ("*", "/*")


def listener_of(rule: str) -> str:
    """Return the full name of the listener that a rule is of: AWS writes the one into the other."""
    return rule.rpartition("/")[0].replace(":listener-rule/", ":listener/")


def balancer_of(rule: str) -> str:
    """Return what the metrics call the load balancer that a rule is of: `app/NAME/ID`."""
    return "/".join(rule.rpartition(":listener-rule/")[2].split("/")[:3])


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

    `url` is the service's own address: a rule on the same listener is reached through it, unless it asks for a host
    of its own.
    """
    headers, hosts = [], None
    for condition in rule.get("Conditions") or ():
        field, values = condition.get("Field"), _values(condition)
        if field == "http-header" and values:
            headers.append((condition["HttpHeaderConfig"]["HttpHeaderName"], _plain(values)))
        elif field == "host-header" and values:
            hosts = values
        elif field != "path-pattern":
            return None
    if hosts is None or any(fnmatchcase(urlsplit(url).hostname or "", host.lower()) for host in hosts):
        return Address(url or base(listener), tuple(headers))
    host = _host(hosts)
    return Address(base(listener, host), tuple(headers)) if host else None


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
    public = url or (found.url if found else base(listeners[here]))
    everywhere = {*_paths(rules[production]), *_EVERY_PATH}

    def reached(arn: str) -> Address | None:
        """Return what leads to a rule, and not to the production rule."""
        rule, listener = rules[arn], listener_of(arn)
        at = address(rule, listeners[listener], public if listener == here else "")
        apart = at is not None and (at.headers or at.url != public)
        return at if apart and everywhere.issuperset(_paths(rule)) else None

    pinned: dict[str, Address] = {}
    for arn in sorted(rules.keys() - {production, test}):
        at, alone = reached(arn), _alone(rules[arn])
        if at is not None and alone and not rules[arn].get("IsDefault"):
            pinned[alone] = at
    tested = test in rules
    return Balance(
        url=public,
        weights=weights(rules[production]),
        test_group=_alone(rules[test]) if tested else "",
        test=reached(test) if tested else None,
        pinned=pinned,
        name=balancer_of(production),
    )


def _alone(rule: Mapping[str, Any]) -> str:
    """Return the one group that a rule leads to, "" where it leads to none or several."""
    groups = [group for group, weight in weights(rule).items() if weight]
    return groups[0] if len(groups) == 1 else ""


def _values(condition: Mapping[str, Any]) -> list[str]:
    """Return the patterns of a condition; none where it asks for regular expressions."""
    configs = (value for key, value in condition.items() if key.endswith("Config"))
    return list(next((config.get("Values") for config in configs), None) or condition.get("Values") or ())


def _paths(rule: Mapping[str, Any]) -> list[str]:
    """Return the path patterns of a rule; one that nothing equals where it asks for regular expressions."""
    asked = [one for one in rule.get("Conditions") or () if one.get("Field") == "path-pattern"]
    return [path for one in asked for path in _values(one) or [""]]


def _plain(values: Iterable[str]) -> str:
    """Return a value that meets one of the patterns, the plainest first."""
    chosen = min(values, key=lambda value: sum(value.count(sign) for sign in _WILD))
    return chosen.replace("*", "").replace("?", "x") or "surefoot"


def _host(values: Iterable[str]) -> str:
    return next((value for value in values if not any(sign in value for sign in _WILD)), "")
