"""Where requests may go: over TLS, or from this machine to this machine."""

import pytest

from surefoot.errors import ConfigError
from tasks.registries.addresses import base_of, may_go
from tasks.registries.stand_ins import read_stand_ins

HERE, THERE = "http://127.0.0.1:5000", "https://ghcr.io"


@pytest.mark.parametrize(
    ("host", "base"),
    [
        ("ghcr.io", "https://ghcr.io"),
        ("ghcr.io:5000", "https://ghcr.io:5000"),
        ("localhost:5000", "http://localhost:5000"),
        ("127.0.0.1:5000", HERE),
        ("10.0.0.7:5000", "https://10.0.0.7:5000"),
        ("localhost.example.com", "https://localhost.example.com"),
    ],
)
def test_plain_http_is_for_this_machine_only(host, base):
    assert base_of(host) == base


@pytest.mark.parametrize(
    ("url", "base", "well"),
    [
        ("https://auth.example/token", THERE, True),
        ("http://auth.example/token", THERE, False),
        ("http://127.0.0.1:1/token", THERE, False),
        ("http://127.0.0.1:1/token", HERE, True),
        ("http://auth.example/token", HERE, False),
        ("https://user:secret@auth.example/token", THERE, False),
        ("https://127.0.0.1@auth.example:1", HERE, False),
        ("file:///etc/passwd", HERE, False),
        ("ftp://auth.example", THERE, False),
        ("/token", THERE, False),
        ("", THERE, False),
        ("https://auth.example:port/", THERE, False),
        ("https://[::1", THERE, False),
    ],
)
def test_a_registry_cannot_send_us_anywhere_it_likes(url, base, well):
    assert may_go(url, base) is well


def test_stand_ins_are_read_by_host():
    assert read_stand_ins(f" registry.rehearsal={HERE}/, docker.io=http://localhost:1,") == {
        "registry.rehearsal": HERE,
        "docker.io": "http://localhost:1",
    }
    assert read_stand_ins("") == {}


@pytest.mark.parametrize(
    "text",
    [
        "registry.rehearsal",
        f"={HERE}",
        "ghcr.io=https://ghcr.example",
        "ghcr.io=http://10.0.0.7:5000",
        "ghcr.io=http://127.0.0.1",
        "ghcr.io=http://127.0.0.1:5000/v2",
        "ghcr.io=http://user:secret@127.0.0.1:5000",
        "ghcr.io=http://127.0.0.1:port",
    ],
)
def test_only_an_address_on_this_machine_may_stand_in(text):
    with pytest.raises(ConfigError, match=r"write host=http://127\.0\.0\.1:PORT") as caught:
        read_stand_ins(text)
    assert "secret" not in str(caught.value)
