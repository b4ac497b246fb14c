"""Every clause of the contract, seen kept and seen broken: real servers, each breaking several things at once."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from headgate.doctor import Limits, Report, arguments, ending, examine
from headgate.doctor.check import Check, Verdict
from headgate.doctor.examine import ON_RUNNING
from headgate.doctor.readiness import look_at_binding
from headgate.doctor.server import Site, running
from headgate.doctor.visit import Visit, begin
from headgate.errors import UsageError
from tests.serving.models import write_package

pytestmark = pytest.mark.slow

FOREIGN = str(Path(__file__).with_name("foreign.py"))
LIMITS = Limits(start=20, ping=5, connect=2, silence=10, drain=10, refusal=10)

SERVERS: dict[str, tuple[list[str], Limits]] = {
    "sound": ([], LIMITS),
    "careless": (
        ["early", "ping-body", "strict-headers", "html", "not-json", "npy-500", "unknown-500", "accept-500", "bad-500",
         "path-500", "method-500", "parameters", "metrics", "chunked-closes", "expect-500", "small-500", "resets",
         "garbage-500", "logs-body", "writes-package", "writes={elsewhere}", "unpickles", "leaves-child", "drops"],
        replace(LIMITS, start_serverless=0.0),
    ),
    "stubborn": (
        ["single", "slow-ping", "closes", "unlimited", "any-argument", "ignores-sigterm"],
        replace(LIMITS, ping=0.2, connect=0.2, silence=0.8, drain=0.6),
    ),
    "failing": (["broken-model", "unhandled"], LIMITS),
    "fragile": (["dies-on-hang-up"], LIMITS),
    "dead": (["dies"], LIMITS),
    "elsewhere": (["elsewhere"], replace(LIMITS, start=1)),
    "never": (["never-ready"], replace(LIMITS, start=1)),
}  # fmt: skip

FOUND: dict[str, list[tuple[str, Verdict, str]]] = {
    "sound": [
        ("bind", "warning", "listens on 127.0.0.1"),
    ],
    "careless": [
        ("cold-start", "warning", "too slow for a serverless endpoint"),
        ("ping-ready", "failed", "/ping said 200, but the first invocation got: 500"),
        ("ping", "warning", "with a body of 4 bytes"),
        ("headers", "failed", "got 500"),
        ("answer-type", "failed", "says application/json, but is not"),
        ("capture", "warning", "application/json: JSON in, BASE64 out"),
        ("content-types", "failed", "application/x-npy 500"),
        ("content-type-unknown", "failed", "got 500"),
        ("accept", "failed", "text/csv: 500"),
        ("bad-input", "failed", "an empty body: 500"),
        ("unknown-path", "failed", "got 500"),
        ("wrong-method", "failed", "got 500"),
        ("execution-parameters", "failed", "many"),
        ("metrics", "failed", "not Prometheus text"),
        ("chunked", "failed", "the connection was "),
        ("expect-continue", "failed", "got 500"),
        ("payload", "failed", "4,194,304 bytes got 500"),
        ("payload-limit", "failed", "the connection was reset"),
        ("garbage", "failed", "got 500"),
        ("drain", "failed", " of 2 in flight: "),
        ("exit", "failed", "exit code 3"),
        ("children", "failed", "sleep 60"),
        ("logs", "failed", "hold what a request held"),
        ("package-unchanged", "failed", "changed: cache"),
        ("writes", "warning", "{elsewhere}"),
        ("unpickled", "warning", "pathlib.PosixPath"),
    ],
    "stubborn": [
        ("argument-unknown", "warning", "started the server too"),
        ("ping", "failed", "no answer within 0.2 s"),
        ("ping-alive", "failed", "to /ping while a request was still being received"),
        ("connect", "failed", "of 32 connections were not taken"),
        ("keep-alive", "warning", "closed after each answer"),
        ("pipelining", "warning", "the second of two requests"),
        ("payload-limit", "warning", "got 200 instead of 413"),
        ("exit", "failed", "still running 0.6 s after SIGTERM"),
        ("children", "skipped", "it did not end"),
        ("late-callers", "warning", "no answer within 0.2 s"),
    ],
    "failing": [
        ("ping-ready", "skipped", "see `sample`"),
        ("sample", "failed", "a valid request got 500"),
        ("keep-alive", "failed", "request 1 got 500"),
        ("pipelining", "failed", "the first of two got 500"),
        ("exit", "failed", "SIGTERM is not handled"),
    ],
    "fragile": [
        ("hang-up", "failed", "the server ended with exit code 9"),
        ("garbage", "skipped", "the server has died"),
    ],
    "dead": [
        ("cold-start", "failed", "exit code 1: cannot find ?[31mlibmodel.so"),
        ("drain", "skipped", "did not come up"),
    ],
    "elsewhere": [
        ("cold-start", "failed", "the server listens on 127.0.0.1:"),
    ],
    "never": [
        ("cold-start", "failed", "/ping said 503 for 1 s"),
    ],
}


def examined(package: Path, elsewhere: Path, name: str) -> Report:
    words, limits = SERVERS[name]
    filled = [word.replace("{elsewhere}", str(elsewhere)) for word in words]
    return examine(package, command=[sys.executable, FOREIGN, "serve", *filled], limits=limits)


@pytest.mark.parametrize("server", SERVERS)
def test_what_is_broken_is_found(tmp_path: Path, server: str) -> None:
    elsewhere = tmp_path / "elsewhere"
    report = examined(write_package(tmp_path / "model"), elsewhere, server)
    found = {result.name: result for result in report.results}
    expected = [(name, verdict, seen.replace("{elsewhere}", str(elsewhere))) for name, verdict, seen in FOUND[server]]
    wrong = [
        (found[name], verdict, seen)
        for name, verdict, seen in expected
        if found[name].verdict != verdict or seen not in found[name].seen
    ]
    assert wrong == []
    assert report.passed == (server == "sound")
    for result in report.results:
        assert bool(result.remedy) == (result.verdict in ("warning", "failed"))
    if server == "sound":
        # late callers: the system resets who comes while the listener closes
        assert {r.name for r in report.results if r.verdict == "warning"} - {"late-callers"} == {"bind"}


def test_every_check_was_seen_to_find_something() -> None:
    every: list[Check[Any]] = [*arguments.CHECKS, *ON_RUNNING, *ending.CHECKS]
    names = {check.name for check in every}
    rows = [row for rows in FOUND.values() for row in rows]
    assert names == {name for name, verdict, _ in rows if verdict in ("failed", "warning")} | {"argument"}


def test_a_command_without_serve_is_told(tmp_path: Path) -> None:
    launch = arguments.Launch(("gunicorn", "app:app"), tmp_path, tmp_path, LIMITS)
    assert arguments.look_at_serve(launch).verdict == "warning"
    assert arguments.look_at_unknown_argument(launch).verdict == "skipped"


def test_a_command_that_does_not_exist_is_wrong_use(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="'no-such-server' cannot be started"):
        examine(write_package(tmp_path / "model"), command=["no-such-server", "serve"])


def test_our_server_must_not_listen_on_every_address(tmp_path: Path) -> None:
    with running(Site(tmp_path / "site"), [sys.executable, FOREIGN, "serve", "wide"]) as server:
        visit = Visit(server, begin(server, None, LIMITS), None, LIMITS)
        assert look_at_binding(visit).verdict == "ok"
        server.foreign = False
        assert look_at_binding(visit).verdict == "failed"
