"""An address that is none is bad input, not a server that does not answer."""

import pytest
from click.testing import CliRunner

from commands.address import checked
from commands.cli import cli
from surefoot.errors import ConfigError


@pytest.mark.parametrize("url", ["nonsense", "", "http://", "ftp://host/api", "http://host:x/api", "http://[::1/api"])
def test_what_is_no_address_is_bad_input(url: str) -> None:
    with pytest.raises(ConfigError) as mistake:
        checked(url)
    assert str(mistake.value) == f"PREFECT_API_URL: {url!r} is no address; write http(s)://HOST/api"


@pytest.mark.parametrize("url", ["http://127.0.0.1:4200/api", "https://prefect.example/api", "http://[::1]:4200/api"])
def test_an_address_is_given_back_as_it_is(url: str) -> None:
    assert checked(url) == url


def test_a_command_that_needs_the_server_says_so(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PREFECT_API_URL", "nonsense")
    result = CliRunner().invoke(cli, ["watchdog", "--json"])
    assert result.exit_code == 2
    assert result.stderr == "PREFECT_API_URL: 'nonsense' is no address; write http(s)://HOST/api\n"
    assert '"error": "PREFECT_API_URL: ' in result.stdout
