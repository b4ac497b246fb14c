"""A connection to AWS: whose credentials it takes, and what it says where there are none."""

import socket
from pathlib import Path

import pytest

from headgate.core import names
from headgate.errors import Refused, Unavailable, UsageError
from headgate.hosting.aws import AwsConnection
from headgate.hosting.regions import require_region

PLACE = ("iris", "production", "123456789012", "eu-central-1")
NOBODY = ("AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL")


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A machine without credentials; its credentials file."""
    for name in NOBODY:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    return tmp_path / "credentials"


def test_its_names_are_those_that_infrastructure_makes() -> None:
    connection = AwsConnection.of(*PLACE)
    assert connection.role == f"arn:aws:iam::123456789012:role/{names.execution_role('iris', 'production')}"
    assert connection.environment == "production"


def test_without_credentials_nothing_is_asked(machine: Path) -> None:
    assert not machine.exists()
    connection = AwsConnection.of(*PLACE)
    for ask in (connection.keys, connection.require_account):
        with pytest.raises(Refused, match="There are no AWS credentials to use") as refused:
            ask()
        assert "aws sts get-caller-identity" in refused.value.hint


def test_a_profile_that_is_not_there(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not machine.exists()
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    with pytest.raises(Refused, match="nobody"):
        AwsConnection.of(*PLACE).keys()


def test_a_profile_is_used(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    machine.write_text("[work]\naws_access_key_id = AKIAWORK\naws_secret_access_key = hidden\naws_session_token = t\n")
    monkeypatch.setenv("AWS_PROFILE", "work")
    keys = AwsConnection.of(*PLACE).keys()
    assert (keys["access_key_id"], keys["secret_access_key"], keys["token"]) == ("AKIAWORK", "hidden", "t")
    assert keys["expires_at"] is None


@pytest.mark.parametrize(
    ("region", "near"),
    [("eu-centrall-1", "eu-central-1"), ("us-gov-west-2", "us-gov-west-1"), ("cn-nort-1", "cn-north-1")],
)
def test_a_region_that_is_none_is_told_with_those_that_are_near(machine: Path, region: str, near: str) -> None:
    assert not machine.exists()
    with pytest.raises(
        UsageError, match=rf"environments/production/region: {region} is no .*Did you mean {near}"
    ) as told:
        AwsConnection.of("iris", "production", "123456789012", region).require_account()
    assert "pip install --upgrade boto3" in told.value.hint


def test_regions_of_all_partitions_are_known() -> None:
    for region in ("eu-central-1", "mx-central-1", "cn-northwest-1", "us-gov-east-1", "us-iso-east-1"):
        require_region(region, "production")
    with pytest.raises(UsageError, match=r"xx-nowhere-1 is no region that botocore [0-9.]+ knows\.$"):
        require_region("xx-nowhere-1", "production")


def test_an_api_that_does_not_answer(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    machine.write_text("[default]\naws_access_key_id = AKIAWORK\naws_secret_access_key = hidden\n")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{taken.getsockname()[1]}")
        with pytest.raises(Unavailable, match="does not answer"):
            AwsConnection.of(*PLACE).require_account()
