"""Settings from the environment."""

from pathlib import Path

import pytest

from headgate.errors import UsageError
from headgate.serving.settings import Settings, TcpBind, UnixBind


def test_an_empty_environment_means_sagemakers_defaults() -> None:
    settings = Settings.from_environment({"HEADGATE_BIND": "", "HEADGATE_VARIANT": ""})
    assert settings == Settings()
    assert settings.bind == TcpBind("127.0.0.1", 8080)
    assert settings.model_dir == Path("/opt/ml/model")
    assert settings.max_body == 6_291_456


@pytest.mark.parametrize(
    ("environment", "bind"),
    [
        ({"HEADGATE_BIND": "unix:/run/m.sock", "SAGEMAKER_BIND_TO_PORT": "1"}, UnixBind(Path("/run/m.sock"))),
        ({"HEADGATE_BIND": "0.0.0.0:80"}, TcpBind("0.0.0.0", 80)),
        ({"HEADGATE_BIND": "[::1]:80"}, TcpBind("::1", 80)),
        ({"SAGEMAKER_BIND_TO_PORT": "81"}, TcpBind("127.0.0.1", 81)),
        ({"HEADGATE_BIND": "0.0.0.0"}, TcpBind("0.0.0.0", 8080)),
        ({"HEADGATE_BIND": "[::]", "SAGEMAKER_BIND_TO_PORT": "81"}, TcpBind("::", 81)),
    ],
)
def test_where_to_listen(environment: dict[str, str], bind: TcpBind | UnixBind) -> None:
    assert Settings.from_environment(environment).bind == bind
    assert str(bind).startswith(environment.get("HEADGATE_BIND", ""))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("HEADGATE_CAPTURE", "relative"),
        ("HEADGATE_CAPTURE", "s3://Bucket"),
        ("HEADGATE_CAPTURE_SAMPLING", "101"),
        ("HEADGATE_CAPTURE_SAMPLING", "-1"),
        ("HEADGATE_CAPTURE_MODE", "Both"),
        ("SAGEMAKER_CONTAINER_LOG_LEVEL", "15"),
        ("SAGEMAKER_CONTAINER_LOG_LEVEL", "loud"),
        ("HEADGATE_BIND", "unix:relative.sock"),
        ("HEADGATE_BIND", "unix:/" + "a" * 107),
        ("HEADGATE_BIND", "8080"),
        ("HEADGATE_BIND", "localhost:65536"),
        ("SAGEMAKER_BIND_TO_PORT", "http"),
        ("SAGEMAKER_MAX_PAYLOAD_IN_MB", "0"),
        ("SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT", "json"),
        ("SAGEMAKER_PROGRAM", "../inference.py"),
        ("HEADGATE_VARIANT", "a\r\nb"),
        ("HEADGATE_THREADS", "-1"),
    ],
)
def test_a_wrong_value_is_named_with_what_was_expected(name: str, value: str) -> None:
    with pytest.raises(UsageError) as caught:
        Settings.from_environment({name: value})
    assert caught.value.message.startswith(f"{name} should be ")
    assert caught.value.message.endswith(f", got {value!r}")


def test_all_problems_come_at_once() -> None:
    with pytest.raises(UsageError, match=r"HEADGATE_BIND .*; HEADGATE_THREADS "):
        Settings.from_environment({"HEADGATE_BIND": "x", "HEADGATE_THREADS": "x"})


def test_what_is_captured() -> None:
    assert not Settings().capture.to
    found = Settings.from_environment(
        {
            "HEADGATE_CAPTURE": "s3://bucket/some/prefix",
            "HEADGATE_CAPTURE_SAMPLING": "12.5",
            "HEADGATE_CAPTURE_MODE": "Input",
            "HEADGATE_CAPTURE_CSV_TYPES": "text/plain",
            "HEADGATE_CAPTURE_REDACT": "name, first name",
            "HEADGATE_CAPTURE_SPOOL": "/spool",
        }
    ).capture
    assert (found.to, found.sampling, found.mode) == ("s3://bucket/some/prefix", 12.5, "Input")
    assert (found.csv_types, found.json_types) == (("text/plain",), Settings().capture.json_types)
    assert (found.redact, found.spool) == (("name", "first name"), Path("/spool"))


@pytest.mark.parametrize(("value", "level"), [("10", 10), ("DEBUG", 10), ("warn", 30), ("Error", 40), ("", 20)])
def test_the_log_level_is_a_number_or_a_name(value: str, level: int) -> None:
    assert Settings.from_environment({"SAGEMAKER_CONTAINER_LOG_LEVEL": value}).log_level == level
