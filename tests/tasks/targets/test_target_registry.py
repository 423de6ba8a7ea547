"""The registry: which targets there are, and what a place has to say."""

import subprocess
import sys

import pytest
from pydantic import ValidationError

from surefoot.errors import ConfigError, Refused
from surefoot.service import Place
from surefoot.traffic import Traffic
from tasks.targets import TARGETS, connect, settings_model, undo_command

SHOP = {"project": "shop-production", "region": "europe-west1", "service": "shop"}


def test_an_unknown_kind_names_the_near_one():
    with pytest.raises(ConfigError, match=r"no target is called 'cloudrun'; did you mean cloud_run\?"):
        settings_model("cloudrun")


def test_a_kind_like_none_we_have_lists_them():
    with pytest.raises(ConfigError, match="there is cloud_run"):
        settings_model("mainframe")


@pytest.mark.parametrize("kind", TARGETS)
def test_every_setting_is_described(kind):
    assert all(field.description for field in settings_model(kind).model_fields.values())


@pytest.mark.parametrize("kind", TARGETS)
def test_validating_settings_does_not_import_an_sdk(kind):
    code = f"import sys, tasks.targets as t; t.settings_model({kind!r}); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "pydantic" in loaded
    assert not {"google", "grpc", "boto3"} & set(loaded)


@pytest.mark.parametrize(
    "endpoint", ["grpc://127.0.0.1:8085", "grpc://[::1]:8085", "grpc://localhost:8085", "", "run.example.com"]
)
def test_an_endpoint_that_keeps_plain_text_on_this_machine_is_taken(endpoint):
    assert settings_model("cloud_run")(**SHOP, endpoint=endpoint)


@pytest.mark.parametrize(
    ("endpoint", "reason"),
    [
        ("grpc://10.0.0.7:8085", "'10.0.0.7' is elsewhere"),
        ("grpc://run.googleapis.com:443", "'run.googleapis.com' is elsewhere"),
        ("grpc://localhost.example.com:1", "'localhost.example.com' is elsewhere"),
        ("grpc://127.0.0.1", "has no port"),
        ("http://127.0.0.1:8085", "write a host name for TLS, or grpc://127.0.0.1:PORT"),
    ],
)
def test_any_other_endpoint_is_refused_with_the_reason(endpoint, reason):
    with pytest.raises(ValidationError, match=reason):
        settings_model("cloud_run")(**SHOP, endpoint=endpoint)


@pytest.mark.parametrize(
    "wrong",
    [
        {"service": "Shop"},
        {"service": "s" * 38},
        {"project": ""},
        {"colour": "blue"},
        {"change_within": "5"},
        {"poll_every": "0s"},
    ],
)
def test_a_wrong_setting_is_refused(wrong):
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        settings_model("cloud_run")(**{**SHOP, **wrong})


def test_the_way_back_by_hand_is_one_gcloud_command():
    traffic = Traffic.of({"shop-1-8-0": 90, "shop-1-9-0": 10})
    assert undo_command(Place("cloud_run", SHOP), traffic) == (
        "gcloud run services update-traffic shop --to-revisions=shop-1-8-0=90,shop-1-9-0=10 "
        "--region=europe-west1 --project=shop-production"
    )


@pytest.mark.anyio
async def test_no_credentials_are_refused_with_the_command_that_gives_them(monkeypatch, tmp_path):
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "not-there.json"))
    with pytest.raises(Refused, match="gcloud auth application-default login"):
        connect(Place("cloud_run", SHOP))
