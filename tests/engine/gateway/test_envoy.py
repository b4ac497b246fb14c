"""Which Envoy is started, and how."""

from pathlib import Path

import pytest

from headgate.engine.gateway.bootstrap import render_bootstrap
from headgate.engine.gateway.gateway import envoy_path
from tests.engine.gateway.conftest import place


def test_a_setting_names_another_binary(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADGATE_ENVOY", "/opt/envoy")
    assert envoy_path() == "/opt/envoy"
    monkeypatch.delenv("HEADGATE_ENVOY")
    assert Path(envoy_path()).name == "envoy"


def test_nobody_else_gets_in() -> None:
    found = render_bootstrap(place(Path("/home/me"), port=8081))
    (listener,) = found["static_resources"]["listeners"]
    assert listener["address"]["socket_address"] == {"address": "127.0.0.1", "port_value": 8081}
    assert not listener["enable_reuse_port"]
    assert found["admin"]["address"]["pipe"] == {"path": "/home/me/a", "mode": 0o600}
