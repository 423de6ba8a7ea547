"""The calls of ECS beside deployments: what they keep, what they refuse, and how they list."""

import pytest
from rehearsed_ecs import CLUSTER, NAME, PAUSED_STEPS, configuration, staged

pytestmark = pytest.mark.anyio
CONTAINER = {"name": "web", "image": "registry/shop:good"}


@pytest.fixture
async def stage(tmp_path):
    async with staged(tmp_path) as running:
        yield running


async def raw(stage, operation: str, **params) -> dict:
    """Make a call without the client's own idea of what is allowed."""
    return await stage.cloud.handlers[operation](params, "team")


async def test_a_task_definition_keeps_every_field_also_those_unknown(stage):
    sent = {
        "family": NAME,
        "containerDefinitions": [{**CONTAINER, "stopTimeout": 30, "fromTheFuture": {"a": 1}}],
        "ephemeralStorage": {"sizeInGiB": 21},
        "alsoNew": ["x"],
    }
    await raw(stage, "RegisterTaskDefinition", **sent)

    kept = (await raw(stage, "DescribeTaskDefinition", taskDefinition=NAME))["taskDefinition"]

    assert {name: kept[name] for name in ("family", "ephemeralStorage", "alsoNew")} == {
        "family": NAME,
        "ephemeralStorage": {"sizeInGiB": 21},
        "alsoNew": ["x"],
    }
    (container,) = kept["containerDefinitions"]
    assert sent["containerDefinitions"][0].items() <= container.items()


async def test_revisions_of_a_family_count_up_and_are_found_by_every_name(stage):
    arns = [await stage.register("good") for _ in range(3)]
    await stage.register("good", family="cart")

    for reference, number in ((NAME, 3), (f"{NAME}:2", 2), (arns[0], 1)):
        told = (await stage.call("describe_task_definition", taskDefinition=reference))["taskDefinition"]
        assert (told["revision"], told["status"], told["taskDefinitionArn"]) == (number, "ACTIVE", arns[number - 1])
    assert arns[0] == f"arn:aws:ecs:eu-west-1:000000000000:task-definition/{NAME}:1"
    listed = await stage.call("list_task_definitions", familyPrefix=NAME, sort="DESC", maxResults=2)
    assert listed["taskDefinitionArns"] == [arns[2], arns[1]]
    rest = await stage.call(
        "list_task_definitions", familyPrefix=NAME, sort="DESC", maxResults=2, nextToken=listed["nextToken"]
    )
    assert (rest["taskDefinitionArns"], "nextToken" in rest) == ([arns[0]], False)
    assert await stage.refused("describe_task_definition", taskDefinition=f"{NAME}:9") == "ClientException"


async def test_a_deregistered_task_definition_is_no_longer_the_latest_and_cannot_be_deployed(stage):
    await stage.create(configuration("BLUE_GREEN"))
    arn = await stage.register("better")

    told = (await stage.call("deregister_task_definition", taskDefinition=arn))["taskDefinition"]

    assert told["status"] == "INACTIVE"
    latest = (await stage.call("describe_task_definition", taskDefinition=NAME))["taskDefinition"]
    assert latest["revision"] == 1
    code = await stage.refused("update_service", cluster=CLUSTER, service=NAME, taskDefinition=arn)
    assert code == "ClientException"
    inactive = await stage.call("list_task_definitions", familyPrefix=NAME, status="INACTIVE")
    assert inactive["taskDefinitionArns"] == [arn]


async def test_tags_are_shown_where_they_are_asked_for(stage):
    tags = [{"key": "team", "value": "a/b c+1=@:."}]
    made = await stage.call("register_task_definition", family=NAME, containerDefinitions=[CONTAINER], tags=tags)
    arn = made["taskDefinition"]["taskDefinitionArn"]

    assert made["tags"] == tags
    assert "tags" not in await stage.call("describe_task_definition", taskDefinition=arn)
    assert (await stage.call("describe_task_definition", taskDefinition=arn, include=["TAGS"]))["tags"] == tags
    assert (await stage.call("list_tags_for_resource", resourceArn=arn))["tags"] == tags


async def test_a_service_s_tags_are_merged_and_taken_away(stage):
    service = await stage.create(configuration("BLUE_GREEN"), tags=[{"key": "a", "value": "1"}])
    arn = service["serviceArn"]
    assert "tags" not in service

    await stage.call("tag_resource", resourceArn=arn, tags=[{"key": "b", "value": "2"}, {"key": "a", "value": "3"}])
    await stage.call("untag_resource", resourceArn=arn, tagKeys=["b", "never"])

    (told,) = (await stage.call("describe_services", cluster=CLUSTER, services=[NAME], include=["TAGS"]))["services"]
    assert told["tags"] == [{"key": "a", "value": "3"}]


@pytest.mark.parametrize(
    "tags",
    [
        {"note": "ü{json}"},
        {"no\nlines": ""},
        {"k" * 129: ""},
        {"long": "v" * 257},
        {"aws:mine": "no"},
        {f"k{number}": "" for number in range(51)},
    ],
    ids=["brackets", "lines", "long key", "long value", "reserved", "too many"],
)
async def test_tags_that_aws_does_not_take_are_refused(stage, tags):
    service = await stage.create(configuration("BLUE_GREEN"))
    listed = [{"key": key, "value": value} for key, value in tags.items()]

    with pytest.raises(Exception, match="InvalidParameterException"):
        await raw(stage, "TagResource", resourceArn=service["serviceArn"], tags=listed)

    assert (await stage.call("list_tags_for_resource", resourceArn=service["serviceArn"]))["tags"] == []


async def test_tags_of_what_is_not_there_are_refused(stage):
    arn = f"arn:aws:ecs:eu-west-1:000000000000:service/{CLUSTER}/nobody"
    assert await stage.refused("list_tags_for_resource", resourceArn=arn) == "ResourceNotFoundException"
    for wrong in ("shop", arn.replace("service/", "task-definition/")):
        assert await stage.refused("list_tags_for_resource", resourceArn=wrong) == "InvalidParameterException"


async def test_clusters_are_made_once_and_missing_ones_are_said_to_be(stage):
    await stage.create(configuration("BLUE_GREEN"))
    made = (await stage.call("create_cluster", clusterName=CLUSTER))["cluster"]

    told = await stage.call("describe_clusters", clusters=[made["clusterArn"], "nowhere"])

    (cluster,) = told["clusters"]
    assert (cluster["status"], cluster["activeServicesCount"], cluster["runningTasksCount"]) == ("ACTIVE", 1, 1)
    assert [(one["arn"][-7:], one["reason"]) for one in told["failures"]] == [("nowhere", "MISSING")]
    assert (await stage.call("list_clusters"))["clusterArns"] == [made["clusterArn"]]


async def test_services_are_described_by_name_or_arn_and_missing_ones_are_said_to_be(stage):
    service = await stage.create(configuration("CANARY"))

    asked = [service["serviceArn"], "nobody"]
    told = await stage.call("describe_services", cluster=CLUSTER, services=asked)

    assert [one["serviceName"] for one in told["services"]] == [NAME]
    assert told["failures"] == [{"arn": service["serviceArn"].replace(NAME, "nobody"), "reason": "MISSING"}]
    assert (await stage.call("list_services", cluster=CLUSTER))["serviceArns"] == [service["serviceArn"]]
    assert service["loadBalancers"] == stage.load_balancers
    assert service["deploymentConfiguration"]["strategy"] == "CANARY"


async def test_what_does_not_exist_is_refused_by_its_kind(stage):
    await stage.create(configuration("BLUE_GREEN"))

    refused = {
        "describe_services": await stage.refused("describe_services", cluster="nowhere", services=[NAME]),
        "update_service": await stage.refused("update_service", cluster=CLUSTER, service="nobody"),
        "list_service_deployments": await stage.refused("list_service_deployments", cluster=CLUSTER, service="nobody"),
        "taskDefinition": await stage.refused("update_service", cluster=CLUSTER, service=NAME, taskDefinition="no:1"),
        "again": await stage.refused("create_service", cluster=CLUSTER, serviceName=NAME, taskDefinition=NAME),
    }

    assert refused == {
        "describe_services": "ClusterNotFoundException",
        "update_service": "ServiceNotFoundException",
        "list_service_deployments": "ServiceNotFoundException",
        "taskDefinition": "ClientException",
        "again": "InvalidParameterException",
    }


async def test_only_another_task_definition_or_load_balancer_begins_a_deployment(stage):
    service = await stage.create(configuration("BLUE_GREEN"))

    await stage.update(taskDefinition=service["taskDefinition"])
    await stage.update(taskDefinition=NAME, loadBalancers=stage.load_balancers)
    told = await stage.update(deploymentConfiguration=configuration("CANARY"), healthCheckGracePeriodSeconds=5)
    assert len(stage.service().deployments) == 1
    assert "bakeTimeInMinutes" not in told["deploymentConfiguration"]  # replaced whole
    told = await stage.update("better")

    assert told["taskDefinition"].endswith(f"{NAME}:2")
    assert [one["rolloutState"] for one in told["deployments"]] == ["IN_PROGRESS", "COMPLETED"]
    (begun,) = (
        await stage.call("describe_service_deployments", serviceDeploymentArns=[told["currentServiceDeployment"]])
    )["serviceDeployments"]
    assert begun["status"] in ("PENDING", "IN_PROGRESS")
    assert (await stage.ended())["deploymentConfiguration"]["strategy"] == "CANARY"


async def test_deployments_are_listed_newest_first_by_status_time_and_page(stage):
    await stage.create(configuration("BLUE_GREEN"))
    await stage.update("better")
    await stage.ended()
    await stage.update("best", deploymentConfiguration=configuration("BLUE_GREEN", PAUSED_STEPS))
    await stage.paused()
    known = [one.arn for one in reversed(stage.service().deployments)]

    async def listed(**params) -> list[str]:
        answer = await stage.call("list_service_deployments", cluster=CLUSTER, service=NAME, **params)
        return [one["serviceDeploymentArn"] for one in answer["serviceDeployments"]]

    assert await listed() == known
    assert await listed(status=["IN_PROGRESS", "PENDING"]) == known[:1]
    assert await listed(status=["SUCCESSFUL"], maxResults=1) == known[1:2]
    assert await listed(createdAt={"after": stage.service().deployments[1].created}) == known[:2]
    assert await listed(createdAt={"before": stage.service().deployments[0].created}) == known[2:]
    assert known[0].startswith(f"arn:aws:ecs:eu-west-1:000000000000:service-deployment/{CLUSTER}/{NAME}/")
    answer = await stage.call("describe_service_deployments", serviceDeploymentArns=[known[0], "arn:none"])
    assert answer["failures"] == [{"arn": "arn:none", "reason": "MISSING"}]


async def test_a_service_revision_tells_its_images_and_the_group_it_really_uses(stage):
    await stage.create(configuration("BLUE_GREEN"))
    await stage.update("better")
    ended = await stage.ended()

    arns = [ended["sourceServiceRevisions"][0]["arn"], ended["targetServiceRevision"]["arn"], "arn:none"]
    answer = await stage.call("describe_service_revisions", serviceRevisionArns=arns)

    old, new = answer["serviceRevisions"]
    assert answer["failures"] == [{"arn": "arn:none", "reason": "MISSING"}]
    assert [one["taskDefinition"][-6:] for one in (old, new)] == ["shop:1", "shop:2"]
    assert new["containerImages"] == [
        {"containerName": "web", "image": "registry/shop:better", "imageDigest": f"sha256:{1:064x}"}
    ]
    resolved = [one["resolvedConfiguration"]["loadBalancers"][0]["targetGroupArn"] for one in (old, new)]
    assert resolved == stage.groups
    assert new["loadBalancers"] == stage.load_balancers
    number = arns[1].removeprefix(f"arn:aws:ecs:eu-west-1:000000000000:service-revision/{CLUSTER}/{NAME}/")
    assert len(number) == 19
    assert number.isdigit()


PAUSE = {"targetType": "PAUSE"}
WRONG = {
    "strategy": {"strategy": "YOLO"},
    "canary too small": configuration("CANARY", canaryConfiguration={"canaryPercent": 0.05}),
    "canary too long": configuration("CANARY", canaryConfiguration={"canaryBakeTimeInMinutes": 1441}),
    "step too small": configuration("LINEAR", linearConfiguration={"stepPercent": 2.9}),
    "step too big": configuration("LINEAR", linearConfiguration={"stepPercent": 100.5}),
    "no bake time": {"strategy": "BLUE_GREEN"},
    "other strategy's": configuration("LINEAR", canaryConfiguration={"canaryPercent": 5.0}),
    "pause in a shift": configuration("CANARY", PAUSE | {"lifecycleStages": ["PRODUCTION_TRAFFIC_SHIFT"]}),
    "pause in a test": configuration("CANARY", PAUSE | {"lifecycleStages": ["TEST_TRAFFIC_SHIFT"]}),
    "pause nowhere": configuration("CANARY", PAUSE | {"lifecycleStages": []}),
    "unknown stage": configuration("CANARY", PAUSE | {"lifecycleStages": ["BAKE_TIME"]}),
    "unknown action": configuration("CANARY", PAUSED_STEPS | {"timeoutConfiguration": {"action": "WAIT"}}),
    "timeout too long": configuration("CANARY", PAUSED_STEPS | {"timeoutConfiguration": {"timeoutInMinutes": 20161}}),
    "timeout too short": configuration("CANARY", PAUSED_STEPS | {"timeoutConfiguration": {"timeoutInMinutes": 0}}),
    "function without role": configuration("CANARY", {"lifecycleStages": ["PRE_SCALE_UP"], "hookTargetArn": "arn:x"}),
    "alarms without rollback": configuration("CANARY", alarms={"alarmNames": ["a"], "enable": True}),
}


@pytest.mark.parametrize("config", WRONG.values(), ids=WRONG.keys())
async def test_configurations_that_aws_does_not_take_are_refused(stage, config):
    await stage.create(configuration("BLUE_GREEN"))

    with pytest.raises(Exception, match="InvalidParameterException"):
        await raw(stage, "UpdateService", cluster=CLUSTER, service=NAME, deploymentConfiguration=config)

    assert (await stage.told())["deploymentConfiguration"]["strategy"] == "BLUE_GREEN"


async def test_shifting_traffic_needs_a_load_balancer_that_can(stage):
    definition = await stage.register("good")
    plain = {key: value for key, value in stage.load_balancers[0].items() if key != "advancedConfiguration"}
    unknown = stage.load_balancers[0] | {"targetGroupArn": stage.groups[0] + "x"}
    elsewhere = stage.load_balancers[0] | {"containerName": "worker"}

    for balancers in ([], [plain], [unknown], [elsewhere]):
        code = await stage.refused(
            "create_service",
            cluster=CLUSTER,
            serviceName=NAME,
            taskDefinition=definition,
            loadBalancers=balancers,
            deploymentConfiguration=configuration("CANARY"),
        )
        assert code == "InvalidParameterException"
    assert stage.cloud.services == {}


async def test_a_value_of_the_wrong_kind_is_refused(stage):
    with pytest.raises(Exception, match="SerializationException"):
        await raw(stage, "CreateService", cluster=CLUSTER, serviceName=NAME, taskDefinition=NAME, desiredCount="two")
    with pytest.raises(Exception, match="InvalidParameterException"):
        await raw(stage, "CreateService", cluster=CLUSTER, taskDefinition=NAME)
