"""An endpoint from the first call to the last, with stock boto3."""

import json
import os
import resource
import stat
import tarfile
import zipfile
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from tests.system.engine import RunningEngine, until

pytestmark = pytest.mark.slow


def test_create_describe_invoke_delete(engine: RunningEngine) -> None:
    engine.deploy("first-light")
    found = engine.describe("first-light")
    assert found["EndpointConfigName"] == "first-light-one"
    assert [v["CurrentInstanceCount"] for v in found["ProductionVariants"]] == [1]
    answer, variant = engine.invoke("first-light")
    assert variant == "stable"
    assert set(answer["prediction"]) == {"label", "probability"}
    processes = engine.models("first-light")
    assert len(processes) == 1
    engine.delete("first-light")
    assert engine.models("first-light") == []
    with pytest.raises(ClientError, match="Endpoint first-light of account 000000000000 not found"):
        engine.invoke("first-light")


def test_boto3_waiters(engine: RunningEngine) -> None:
    engine.deploy("waited")
    engine.sagemaker.get_waiter("endpoint_in_service").wait(EndpointName="waited")
    engine.sagemaker.delete_endpoint(EndpointName="waited")
    engine.sagemaker.get_waiter("endpoint_deleted").wait(
        EndpointName="waited", WaiterConfig={"Delay": 1, "MaxAttempts": 30}
    )


def test_a_deleted_model_and_config_do_not_touch_the_endpoint(engine: RunningEngine) -> None:
    engine.deploy("orphaned")
    engine.sagemaker.delete_endpoint_config(EndpointConfigName="orphaned-one")
    engine.sagemaker.delete_model(ModelName="orphaned-one")
    assert engine.invoke("orphaned")[1] == "stable"
    engine.delete("orphaned")


def test_the_same_name_can_be_used_again_at_once(engine: RunningEngine) -> None:
    engine.deploy("again")
    for _ in range(2):
        engine.delete("again")
        engine.sagemaker.create_endpoint(EndpointName="again", EndpointConfigName="again-one")
        assert engine.settled("again")["EndpointStatus"] == "InService"
    engine.delete("again")


def fails(engine: RunningEngine, name: str) -> str:
    engine.create_config(name, ("stable", name, 1.0))
    engine.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
    found = engine.settled(name)
    assert found["EndpointStatus"] == "Failed"
    until(lambda: engine.models(name) == [], what="the failed model servers are gone")
    engine.delete(name)
    return str(found["FailureReason"])


def test_an_unknown_image_fails_with_the_reason(engine: RunningEngine) -> None:
    engine.create_model("unknown-image", image="mystery:1")
    reason = fails(engine, "unknown-image")
    assert "Image 'mystery:1' is not known" in reason
    assert '[images."mystery"]' in reason


def test_a_missing_package_fails_with_the_reason(engine: RunningEngine) -> None:
    engine.create_model("no-package", "s3://headgate-local/nowhere/model.tar.gz")
    assert "s3://headgate-local/nowhere/model.tar.gz" in fails(engine, "no-package")


def test_a_corrupt_package_fails_with_the_reason(engine: RunningEngine) -> None:
    url = engine.put_archive("corrupt", lambda path: path.write_bytes(b"\x1f\x8b not a tarball"))
    engine.create_model("corrupt", url)
    assert url in fails(engine, "corrupt")


def test_a_package_that_climbs_out_is_refused(engine: RunningEngine, tmp_path: Path) -> None:
    (tmp_path / "evil").write_text("x")

    def write(path: Path) -> None:
        with tarfile.open(path, "w:gz") as tar:
            tar.add(tmp_path / "evil", "../../evil")

    engine.create_model("climber", engine.put_archive("climber", write))
    assert ".." in fails(engine, "climber")
    assert not list(engine.home.path.rglob("evil"))


def write_code(path: Path, source: str, requirements: str | None = None, wheel: Path | None = None) -> None:
    """A foreign SageMaker package: hooks alone."""
    folder = path.parent / "content"
    (folder / "code").mkdir(parents=True, exist_ok=True)
    (folder / "code" / "inference.py").write_text(source)
    if requirements is not None:
        (folder / "code" / "requirements.txt").write_text(requirements)
    if wheel is not None:
        (folder / "code" / wheel.name).write_bytes(wheel.read_bytes())
    with tarfile.open(path, "w:gz") as tar:
        tar.add(folder / "code", "code")


def test_a_model_that_does_not_start_fails_with_its_last_words(engine: RunningEngine) -> None:
    url = engine.put_archive("broken", lambda path: write_code(path, "raise RuntimeError('no licence file')"))
    engine.create_model("broken", url)
    assert "no licence file" in fails(engine, "broken")


def test_a_foreign_image_runs_its_command(own_engine: RunningEngine, short_folder: Path) -> None:
    server = short_folder / "server.py"
    server.write_text(
        "import http.server, os\n"
        "class H(http.server.BaseHTTPRequestHandler):\n"
        "    protocol_version = 'HTTP/1.1'\n"
        "    def do_GET(self): self.answer(b'')\n"
        "    def do_POST(self):\n"
        "        self.rfile.read(int(self.headers['content-length'])); self.answer(b'\"foreign\"')\n"
        "    def answer(self, body):\n"
        "        self.send_response(200); self.send_header('content-length', str(len(body)))\n"
        "        self.end_headers(); self.wfile.write(body)\n"
        "    def log_message(self, *args): pass\n"
        "port = int(os.environ['SAGEMAKER_BIND_TO_PORT'])\n"
        "http.server.ThreadingHTTPServer(('127.0.0.1', port), H).serve_forever()\n"
    )
    own_engine.home.settings.write_text(f'[images."scorer"]\ncommand = ["python3", "{server}"]\n')
    own_engine.create_model("foreign", image="registry.example/team/scorer:3")
    own_engine.create_config("foreign", ("stable", "foreign", 1.0))
    own_engine.sagemaker.create_endpoint(EndpointName="foreign", EndpointConfigName="foreign")
    assert own_engine.settled("foreign")["EndpointStatus"] == "InService"
    assert own_engine.invoke("foreign") == ("foreign", "stable")


def test_requirements_get_an_environment_of_their_own(engine: RunningEngine, tmp_path: Path) -> None:
    wheel = tmp_path / "tinydep-1.0-py3-none-any.whl"
    info = "tinydep-1.0.dist-info"
    write_wheel(
        wheel,
        {
            "tinydep.py": "ANSWER = 42\n",
            f"{info}/METADATA": "Metadata-Version: 2.1\nName: tinydep\nVersion: 1.0\n",
            f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
            f"{info}/RECORD": "",
        },
    )
    source = (
        "import json, tinydep\n"
        "def model_fn(model_dir): return tinydep.ANSWER\n"
        "def predict_fn(data, model): return {'answer': model}\n"
    )
    url = engine.put_archive("tinydep", lambda path: write_code(path, source, f"./{wheel.name}\n", wheel))
    engine.create_model("tinydep", url)
    engine.create_config("tinydep", ("stable", "tinydep", 1.0))
    engine.sagemaker.create_endpoint(EndpointName="tinydep", EndpointConfigName="tinydep")
    assert engine.settled("tinydep", 120)["EndpointStatus"] == "InService", engine.describe("tinydep")
    assert engine.invoke("tinydep")[0] == {"answer": 42}
    engine.delete("tinydep")


def write_wheel(path: Path, files: dict[str, str]) -> None:
    """A wheel by hand, so that no registry is asked."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)


def test_requirements_that_cannot_be_installed_fail_with_pips_reason(engine: RunningEngine) -> None:
    url = engine.put_archive("nodep", lambda path: write_code(path, "", "./missing-1.0-py3-none-any.whl\n"))
    engine.create_model("nodep", url)
    assert "requirements.txt could not be installed" in fails(engine, "nodep")


def test_only_the_owner_can_look_into_the_home(engine: RunningEngine) -> None:
    assert stat.S_IMODE(engine.home.path.stat().st_mode) == 0o700
    assert stat.S_IMODE(engine.home.sockets.stat().st_mode) == 0o700
    for path in (engine.home.engine_file, engine.home.database, *engine.home.logs.rglob("*.log")):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
    assert stat.S_IMODE((engine.home.sockets / "admin.sock").stat().st_mode) == 0o600
    file = engine.home.read()
    assert file is not None
    for name in ("supervisor", "engine", "gateway"):
        assert file.secret_key not in Path(f"/proc/{engine.process(name).pid}/cmdline").read_text()
    for path in engine.home.logs.rglob("*"):
        assert path.is_dir() or file.secret_key not in path.read_text(errors="replace"), path


def test_the_gateway_may_open_as_many_files_as_the_system_lets_it(engine: RunningEngine) -> None:
    soft, hard = resource.prlimit(engine.process("gateway").pid, resource.RLIMIT_NOFILE)
    assert soft == min(hard, 65_536) or hard == resource.RLIM_INFINITY


def test_a_model_sees_none_of_our_secrets(engine: RunningEngine) -> None:
    source = "import os\ndef model_fn(model_dir): return None\ndef predict_fn(data, model): return dict(os.environ)\n"
    url = engine.put_archive("nosy", lambda path: write_code(path, source))
    os.environ["AWS_SECRET_ACCESS_KEY_OF_MINE"] = "secret"  # the engine was started with what tests were given
    forged = {
        "HEADGATE_VARIANT": "other",
        "HEADGATE_BIND": "127.0.0.1:1",
        "SAGEMAKER_BASE_DIR": "/",
        "PATH": "/nowhere",
    }
    engine.create_model("nosy", url, GIVEN="yes", **forged)
    engine.create_config("nosy", ("stable", "nosy", 1.0))
    engine.sagemaker.create_endpoint(EndpointName="nosy", EndpointConfigName="nosy")
    assert engine.settled("nosy")["EndpointStatus"] == "InService"
    environment = json.loads(json.dumps(engine.invoke("nosy")[0]))
    assert environment["GIVEN"] == "yes"
    assert environment["HEADGATE_VARIANT"] == "stable"
    assert environment["PATH"] == "/nowhere"  # the model's own business
    assert not [name for name in environment if name.startswith("AWS_")]
    engine.delete("nosy")
    del os.environ["AWS_SECRET_ACCESS_KEY_OF_MINE"]


def test_a_package_is_unpacked_once(engine: RunningEngine) -> None:
    engine.deploy("twice-a", "same")
    before = sorted(engine.home.models.iterdir())
    files = [path for path in engine.home.models.glob("*/model/**/*") if path.is_file()]
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o400}
    url = engine.put_linear("same-content")
    engine.create_model("twice-b", url)
    engine.create_config("twice-b", ("stable", "twice-b", 1.0))
    engine.sagemaker.create_endpoint(EndpointName="twice-b", EndpointConfigName="twice-b")
    engine.settled("twice-b")
    assert sorted(engine.home.models.iterdir()) == before
    for name in ("twice-a", "twice-b"):
        engine.delete(name)
