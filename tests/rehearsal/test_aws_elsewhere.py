"""The services that moto answers for, through the same address as the rehearsed ones."""

import hashlib
import json
import sys

import pytest
from rehearsed_aws import fronted

pytestmark = pytest.mark.anyio
MEDIA = "application/vnd.oci.image.manifest.v1+json"
MANIFEST = json.dumps({"schemaVersion": 2, "mediaType": MEDIA, "config": {"digest": "sha256:1"}, "layers": []})
DIGEST = f"sha256:{hashlib.sha256(MANIFEST.encode()).hexdigest()}"
ALARM = {
    "AlarmName": "shop-5xx",
    "MetricName": "HTTPCode_Target_5XX_Count",
    "Namespace": "AWS/ApplicationELB",
    "Statistic": "Sum",
    "Period": 60,
    "EvaluationPeriods": 1,
    "Threshold": 5,
    "ComparisonOperator": "GreaterThanThreshold",
}


async def test_an_image_is_known_by_the_digest_of_its_manifest():
    async with fronted() as at:
        await at.call("ecr", "create_repository", repositoryName="shop")
        put = await at.call("ecr", "put_image", repositoryName="shop", imageManifest=MANIFEST, imageTag="1.0.0")
        assert put["image"]["imageId"] == {"imageDigest": DIGEST, "imageTag": "1.0.0"}
        told = await at.call("ecr", "describe_images", repositoryName="shop", imageIds=[{"imageDigest": DIGEST}])
        assert [one["imageTags"] for one in told["imageDetails"]] == [["1.0.0"]]
        missing = {"repositoryName": "shop", "imageIds": [{"imageTag": "2.0.0"}]}
        assert (await at.call.refused("ecr", "describe_images", **missing))[0] == "ImageNotFoundException"
        other = {"repositoryName": "shop", "imageManifest": MANIFEST, "imageDigest": f"sha256:{'0' * 64}"}
        assert (await at.call.refused("ecr", "put_image", **other))[0] == "ImageDigestDoesNotMatchException"


async def test_who_am_i_is_answered_with_the_account_of_the_rehearsal():
    async with fronted() as at:
        assert (await at.call("sts", "get_caller_identity"))["Account"] == "000000000000"


async def test_secrets_are_kept():
    async with fronted() as at:
        await at.call("secretsmanager", "create_secret", Name="shop/database", SecretString="näïve & <safe>")
        told = await at.call("secretsmanager", "get_secret_value", SecretId="shop/database")
    assert told["SecretString"] == "näïve & <safe>"


async def test_a_databases_snapshot_is_taken_and_is_there():
    async with fronted() as at:
        made = {"DBInstanceIdentifier": "shop", "DBInstanceClass": "db.t4g.micro", "Engine": "postgres"}
        made |= {"AllocatedStorage": 20, "MasterUsername": "shop", "MasterUserPassword": "of-the-rehearsal"}
        await at.call("rds", "create_db_instance", **made)
        await at.call("rds", "create_db_snapshot", DBInstanceIdentifier="shop", DBSnapshotIdentifier="before-1-1-0")
        told = await at.call("rds", "describe_db_snapshots", DBSnapshotIdentifier="before-1-1-0")
    assert [one["Status"] for one in told["DBSnapshots"]] == ["available"]


async def test_an_alarms_state_is_told_to_the_client_and_inside():
    async with fronted() as at:
        state = at.front.elsewhere.alarm_state
        assert await state("shop-5xx") == "INSUFFICIENT_DATA"
        await at.call("cloudwatch", "put_metric_alarm", **ALARM)
        await at.call("cloudwatch", "set_alarm_state", AlarmName="shop-5xx", StateValue="ALARM", StateReason="test")
        assert await state("shop-5xx") == "ALARM"
        [alarm] = (await at.call("cloudwatch", "describe_alarms", AlarmNames=["shop-5xx"]))["MetricAlarms"]
        assert alarm["StateValue"] == "ALARM"
        await at.call("cloudwatch", "set_alarm_state", AlarmName="shop-5xx", StateValue="OK", StateReason="test")
        assert await state("shop-5xx") == "OK"


async def test_every_start_finds_it_empty():
    for _ in range(2):
        async with fronted() as at:
            await at.call("ecr", "create_repository", repositoryName="shop")


async def test_faults_hit_these_services_too_each_in_its_own_protocol():
    async with fronted() as at:
        at.arm(code="AccessDeniedException", message="Not you.", times=3)
        for api, operation in (
            ("ecr", "describe_repositories"),
            ("rds", "describe_db_snapshots"),
            ("cloudwatch", "describe_alarms"),
        ):
            assert await at.call.refused(api, operation) == ("AccessDeniedException", "Not you.", 400)
        assert (await at.call("cloudwatch", "describe_alarms"))["MetricAlarms"] == []


async def test_the_journal_names_the_service_as_iam_does():
    async with fronted() as at:
        await at.call("ecr", "create_repository", repositoryName="shop")
        await at.call("cloudwatch", "put_metric_alarm", **ALARM)
        await at.call.refused("rds", "describe_db_snapshots", DBSnapshotIdentifier="gone")
        await at.call.refused("ecr", "describe_images", repositoryName="gone")
        await at.call.refused("secretsmanager", "get_secret_value", SecretId="gone")
        told = [(call.api, call.method, call.code) for call in at.front.journal.calls]
        named = [call.resource for call in at.front.journal.calls]
    assert told == [
        ("ecr", "CreateRepository", "OK"),
        ("cloudwatch", "PutMetricAlarm", "OK"),
        ("rds", "DescribeDBSnapshots", "DBSnapshotNotFound"),
        ("ecr", "DescribeImages", "RepositoryNotFoundException"),
        ("secretsmanager", "GetSecretValue", "ResourceNotFoundException"),
    ]
    assert [named[0], named[2], named[4]] == ["shop", "gone", "gone"]


async def test_without_moto_the_answer_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "moto.server", None)
    async with fronted() as at:
        assert await at.front.elsewhere.alarm_state("shop-5xx") == "INSUFFICIENT_DATA"
        code, message, status = await at.call.refused("sts", "get_caller_identity")
    assert (code, status) == ("NotImplemented", 501)
    assert "install moto" in message
