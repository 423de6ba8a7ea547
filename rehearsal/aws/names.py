"""Names of Elastic Load Balancing: what its ARNs are made of, and what can be read from them."""

import secrets

ACCOUNT = "000000000000"
REGION = "eu-west-1"
_PREFIX = f"arn:aws:elasticloadbalancing:{REGION}:{ACCOUNT}"


def new_id() -> str:
    """Return an id as load balancers, listeners, rules and target groups have one."""
    return secrets.token_hex(8)


def load_balancer_arn(name: str) -> str:
    """Return the ARN of a new application load balancer."""
    return f"{_PREFIX}:loadbalancer/app/{name}/{new_id()}"


def group_arn(name: str) -> str:
    """Return the ARN of a new target group."""
    return f"{_PREFIX}:targetgroup/{name}/{new_id()}"


def listener_arn(load_balancer: str) -> str:
    """Return the ARN of a new listener of a load balancer, which it names."""
    return f"{load_balancer.replace(':loadbalancer/', ':listener/')}/{new_id()}"


def rule_arn(listener: str) -> str:
    """Return the ARN of a new rule of a listener, which it names."""
    return f"{listener.replace(':listener/', ':listener-rule/')}/{new_id()}"


def listener_of(rule: str) -> str:
    """Return the ARN of the listener that a rule belongs to."""
    return rule.replace(":listener-rule/", ":listener/").rpartition("/")[0]


def load_balancer_of(listener: str) -> str:
    """Return the ARN of the load balancer that a listener belongs to."""
    return listener.replace(":listener/", ":loadbalancer/").rpartition("/")[0]
