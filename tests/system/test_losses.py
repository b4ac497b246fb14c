"""Files that vanish or break, machines that are switched off: the engine mends it, or says what cannot be mended."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from headgate.engine.processes import Processes
from headgate.errors import HeadgateError, Unavailable
from headgate.wiring import local
from tests.system.engine import RunningEngine, kill, until
from tests.system.test_hang import answers
from tests.system.test_kill import state_of
from tests.system.test_update import update

pytestmark = pytest.mark.slow


def everything(engine: RunningEngine, endpoint: str) -> list[object]:
    services = ("supervisor", "engine", "gateway", "runner")
    processes = [engine.process(name) for name in services] + engine.models(endpoint)
    for process in processes:
        kill(process)
    return list(processes)


def test_a_machine_that_was_switched_off(own_engine: RunningEngine) -> None:
    own_engine.deploy("reboot")
    before = state_of(own_engine)
    everything(own_engine, "reboot")
    shutil.rmtree(own_engine.home.sockets)  # /tmp is empty
    stranger = f"{os.getpid()} 12345\n"  # the pids belong to others now
    for record in own_engine.home.processes.glob("*.pid"):
        record.write_text(stranger)
    own_engine.home.supervisor_lock.write_text(stranger)
    local.connect(own_engine.home)
    until(lambda: answers(own_engine, "reboot"))
    assert state_of(own_engine) == before


@pytest.mark.parametrize(
    ("damage", "killed"),
    [("truncated", []), ("deleted", ["gateway"]), ("truncated", ["engine"]), ("deleted", ["engine", "gateway"])],
)
def test_the_gateways_files_are_written_again(own_engine: RunningEngine, damage: str, killed: list[str]) -> None:
    own_engine.deploy("files")
    for name in ("clusters.json", "routes.json"):
        path = own_engine.home.gateway / name
        if damage == "deleted":
            path.unlink()
        else:
            os.truncate(path, 40)
    for name in killed:
        own_engine.kill(name)
    until(lambda: "files" in routes(own_engine), 15, "the routes are written again")
    until(lambda: answers(own_engine, "files"))


def routes(engine: RunningEngine) -> str:
    try:
        return (engine.home.gateway / "routes.json").read_text()
    except FileNotFoundError:
        return ""


def test_the_database_deleted_leaves_nothing_of_it(own_engine: RunningEngine) -> None:
    own_engine.deploy("forgotten")
    for path in own_engine.home.path.glob("engine.db*"):
        path.unlink()
    own_engine.kill("engine")
    until(lambda: not [n for n in Processes(own_engine.home.processes).names() if n.startswith("model-")])
    until(lambda: "forgotten" not in routes(own_engine))
    until(lambda: answers_at_all(own_engine))
    assert own_engine.endpoints() == []
    own_engine.deploy("forgotten")


def answers_at_all(engine: RunningEngine) -> bool:
    try:
        engine.endpoints()
    except Exception:  # noqa: BLE001 - any failure of the client means "not yet"
        return False
    return True


def test_a_damaged_database_is_named_and_left_alone(own_engine: RunningEngine) -> None:
    own_engine.deploy("damaged")
    database = own_engine.home.database
    own_engine.kill("supervisor")
    own_engine.kill("engine")
    good = {path: path.read_bytes() for path in database.parent.glob("engine.db*")}
    for path in good:
        path.unlink()
    database.write_bytes(b"SQLite format 3\0" + b"garbage" * 1000)
    with pytest.raises(Unavailable, match=r"cannot use .*engine\.db: .*Nothing was changed"):
        local.connect(own_engine.home)
    assert own_engine.invoke("damaged")[1] == "stable"
    assert database.read_bytes().endswith(b"garbage")
    for path, content in good.items():
        path.write_bytes(content)
    until(lambda: answers_at_all(own_engine))
    assert own_engine.endpoints() == ["damaged"]


def test_an_engine_whose_file_was_deleted_is_found_by_up(own_engine: RunningEngine) -> None:
    own_engine.deploy("lost")
    before = state_of(own_engine)
    own_engine.home.engine_file.unlink()
    own_engine.start()
    for cached in ("sagemaker", "runtime"):  # URLs and keys are new
        own_engine.__dict__.pop(cached, None)
    until(lambda: answers(own_engine, "lost"))
    assert state_of(own_engine) == before


@pytest.mark.parametrize("supervised", [True, False])
def test_down_stops_an_engine_whose_file_was_deleted(own_engine: RunningEngine, *, supervised: bool) -> None:
    own_engine.deploy("lost")
    own_engine.home.engine_file.unlink()
    if not supervised:
        own_engine.kill("supervisor")
    own_engine.stop()


def test_a_damaged_engine_file_says_what_to_do(own_engine: RunningEngine) -> None:
    file = own_engine.home.engine_file
    content = file.read_bytes()
    file.write_text("{")
    with pytest.raises(HeadgateError, match=r"engine\.json is damaged"):
        local.start(own_engine.home)
    file.write_bytes(content)


def test_unpacked_packages_deleted_under_an_endpoint(own_engine: RunningEngine) -> None:
    own_engine.deploy("cached")
    shutil.rmtree(own_engine.home.models)
    (model,) = own_engine.models("cached")
    kill(model)
    until(lambda: answers(own_engine, "cached"))


def test_a_package_that_was_replaced_does_not_come_in_by_a_restart(own_engine: RunningEngine) -> None:
    own_engine.deploy("swapped")
    own_engine.put_linear("one", bias=9.0)
    shutil.rmtree(own_engine.home.models)
    (model,) = own_engine.models("swapped")
    kill(model)
    log = own_engine.home.logs / "engine.log"
    until(lambda: "holds another one now" in log.read_text())
    assert own_engine.models("swapped") == []
    own_engine.put_linear("one")
    until(lambda: answers(own_engine, "swapped"), 40)


def test_a_socket_folder_of_somebody_else_is_refused(short_folder: Path) -> None:
    engine = RunningEngine(short_folder / "home")
    engine.home.sockets.symlink_to(short_folder)
    try:
        with pytest.raises(HeadgateError, match="another user, or is a link"):
            engine.start()
        assert list(short_folder.rglob("*.sock")) == []
    finally:
        engine.home.sockets.unlink()


def test_a_command_from_another_session_finds_the_same_sockets(own_engine: RunningEngine) -> None:
    """XDG_RUNTIME_DIR is another one, or none, in cron and after a log-out, which also deletes its content."""
    own_engine.deploy("session")
    own_engine.kill("supervisor")
    own_engine.kill("engine")
    argv = [sys.executable, "-m", "headgate", "status", "--json"]
    env = {**os.environ, "HEADGATE_HOME": str(own_engine.home.path), "XDG_RUNTIME_DIR": "/tmp"}
    subprocess.run(argv, env=env, check=True, capture_output=True)
    update(own_engine, "session", "session-one")
    assert own_engine.invoke("session")[1] == "stable"
