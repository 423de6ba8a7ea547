"""Services as AWS tells of them, made by hand: what the pure parts of the ECS target decide on."""

from datetime import UTC, datetime, timedelta

from surefoot.rollout import Mark
from surefoot.traffic import Traffic
from tasks.targets.ecs.climb import Climb
from tasks.targets.ecs.deployment import Deployment, Part
from tasks.targets.ecs.marks import written
from tasks.targets.ecs.state import Balance, State

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
ARN = "arn:aws:ecs:eu-west-1:000000000000"
BLUE, GREEN = (f"arn:aws:elb:eu-west-1:0:targetgroup/{colour}/1" for colour in ("blue", "green"))
STABLE = Part(f"{ARN}:service-revision/shop/1", "shop:1", f"{ARN}:task-definition/shop:1", "shop@sha256:1", BLUE, 1.0)
CANARY = Part(
    f"{ARN}:service-revision/shop/2", "shop-new", f"{ARN}:task-definition/shop:2", "shop@sha256:2", GREEN, 2.0
)
OLDER = Part(f"{ARN}:service-revision/shop/0", "shop:0", f"{ARN}:task-definition/shop:0", "shop@sha256:0", BLUE, 0.5)
ON_STABLE, ON_CANARY = Traffic.all_on("shop:1"), Traffic.all_on("shop-new")
TEN = ON_STABLE.toward("shop-new", 10)
MARK = Mark("shop/production/r-1", ON_STABLE, "shop-new", 10, NOON + timedelta(minutes=5), 3)


def waiting(hook="h-1", status="AWAITING_ACTION"):
    return {"hookId": hook, "targetType": "PAUSE", "status": status, "timeoutAction": "ROLLBACK"}


def deployment(status="IN_PROGRESS", hook="h-1", target=CANARY, sources=(STABLE,), climb=None, name="d-1", **told):
    raw = {
        "serviceDeploymentArn": f"{ARN}:service-deployment/c/shop/{name}",
        "status": status,
        "createdAt": NOON,
        "deploymentConfiguration": (climb or Climb("CANARY", 10, 30)).configured({}),
        "lifecycleHookDetails": [waiting(hook)] if hook else [],
        **told,
    }
    return Deployment(raw, target, tuple(sources))


def balanced(blue=100, green=0, **more):
    told = {"url": "https://shop.example.com", "test_group": GREEN, "test": None, "pinned": {}}
    return Balance(weights={BLUE: blue, GREEN: green}, **{**told, **more})


def state(*deployments, blue=100, green=0, mark=MARK, current=(STABLE,), past=(STABLE,), tags=None, **told):
    """Return a service with its deployments, newest first; `rolling` has it without a load balancer."""
    balance = None if told.pop("rolling", False) else told.pop("balance", None) or balanced(blue, green)
    tagged = {**(written(mark, {}) if mark else {}), **(tags or {})}
    service = {
        "serviceName": "shop",
        "taskDefinition": f"{ARN}:task-definition/shop:1",
        "tags": [{"key": key, "value": value} for key, value in tagged.items()],
        **told,
    }
    return State(service, tuple(deployments), tuple(current), tuple(past), balance)
