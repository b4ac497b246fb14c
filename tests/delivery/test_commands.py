"""What a person types for an environment on AWS."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from headgate.__main__ import run
from headgate.data.packages import PackageRecord, Packages
from headgate.hosting.registry import Registry
from tests.delivery.cloud import IMAGE, Cloud
from tests.system.engine import until
from tests.system.rollouts import VERSIONS, write_hooks

pytestmark = pytest.mark.slow


class Typed:
    """Commands typed in the project's folder, in this process: starting an interpreter for each takes longer."""

    def __init__(self, cloud: Cloud, capture: pytest.CaptureFixture[str], patch: pytest.MonkeyPatch) -> None:
        self._cloud = cloud
        self._capture = capture
        self._patch = patch

    def by(self, workflow: str) -> None:
        """From now on with the rights of a workflow, and no others."""
        self._patch.setenv("AWS_ACCESS_KEY_ID", self._cloud.policies.key_of(f"github-{workflow}"))

    def __call__(self, *words: str, code: int = 0) -> str:
        """What a command prints, result and messages."""
        out, err, found = self._run(*words)
        assert found == code, f"{words} ended with {found}: {out}{err}"
        return out + err

    def document(self, *words: str) -> Any:
        """Its JSON document."""
        out, err, found = self._run(*words, "--json")
        assert found == 0, err
        return json.loads(out)

    def _run(self, *words: str) -> tuple[str, str, int]:
        self._capture.readouterr()
        code = run([*words, "-C", str(self._cloud.folder)])
        return *self._capture.readouterr(), code


@pytest.fixture
def types(cloud: Cloud, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Typed:
    monkeypatch.setenv("HEADGATE_HOME", str(cloud.engine.home.path))
    return Typed(cloud, capsys, monkeypatch)


def packaged(cloud: Cloud, salt: str) -> str:
    """A package in the project's store; its digest."""
    path = cloud.folder / "packaged.tar.gz"
    write_hooks(path, *VERSIONS["good"], salt=salt)
    record = PackageRecord(cloud.name, "classification", "none", "2026-11-28T00:00:00Z", {}, "d", "h", None, {})
    return Packages(cloud.project.store).add(path.read_bytes(), record).digest


def for_the_engine(cloud: Cloud, digest: str) -> None:
    """Our engine reads its own store, not moto's."""
    there = cloud.engine.home.store / cloud.bucket / "packages" / digest / "model.tar.gz"
    there.parent.mkdir(parents=True)
    shutil.copy(cloud.folder / ".headgate" / "packages" / digest / "model.tar.gz", there)


def test_registered_pinned_and_rolled_out(cloud: Cloud, types: Typed) -> None:
    cloud.say(approve=True, steps=["50%"])
    digest = packaged(cloud, "first")
    assert "should be ACCOUNT.dkr.ecr" in types("register", code=2)
    assert "has no digest" in types("register", "--image", "repo/headgate-serving:latest", code=2)
    types.by("train")
    registered = types.document("register", "--image", IMAGE)
    number = registered["version"]
    assert registered["url"] == f"s3://{cloud.bucket}/packages/{digest}/model.tar.gz"
    assert cloud.store.exists(f"packages/{digest}/model.tar.gz")
    assert types.document("register", "--image", IMAGE)["created"] is False
    for_the_engine(cloud, digest)

    types.by("release")
    assert "no version is pinned" in types("rollout", "start", "--pinned", code=3)
    assert not Path(types.document("pin", str(number), "--dry-run")["file"]).exists()
    pinned = types.document("pin", str(number))
    text = Path(pinned["file"]).read_text()
    assert f"version: {number}\n" in text
    assert f'model_package: "{registered["arn"]}"\n' in text
    assert f'package: "{digest}"\n' in text
    Path(pinned["file"]).write_text(text.replace(f"version: {number}", "version: 1"))
    assert "edited by hand?" in types("rollout", "start", "--pinned", code=5)
    types("pin", str(number))

    said = types("rollout", "start", "--pinned", "--watch")
    assert "the version is Approved" in said
    assert "promoted." in said
    version = Registry(cloud.connection).version(cloud.name, number)
    assert (version.status, version.image) == ("Approved", IMAGE)
    assert version.description.startswith("pinned in deploy/production.yaml")
    model = cloud.engine.sagemaker.describe_endpoint_config(EndpointConfigName=cloud.config())["ProductionVariants"][0]
    made = cloud.engine.sagemaker.describe_model(ModelName=model["ModelName"])
    assert made["Containers"][0]["ModelPackageName"] == version.arn


def test_what_is_merged_changes_nothing_or_only_the_image(cloud: Cloud, types: Typed) -> None:
    """As the workflow does: register, approve, roll out, whatever was merged."""
    cloud.say(steps=["50%"])
    digest = packaged(cloud, "merged")
    for_the_engine(cloud, digest)
    types.by("deliver")

    def register(image: str) -> tuple[int, bool]:
        found = types.document("register", "--env", "production", "--image", image)
        types("approve", str(found["version"]), "--env", "production", "--reason", "merged")
        return found["version"], found["created"]

    def start(number: int, *words: str, code: int = 0) -> str:
        return types("rollout", "start", "--env", "production", "--version", str(number), *words, code=code)

    number, created = register(IMAGE)
    assert created
    assert "promoted." in start(number, "--unless-in-force", "--watch")

    assert register(IMAGE.replace("headgate-serving", "kept-elsewhere")) == (number, False), "the same bytes"
    assert f"runs version {number} already" in start(number, "--watch", code=5)
    before = cloud.config()
    assert f"runs version {number} already" in start(number, "--unless-in-force", "--watch")
    assert (cloud.config(), cloud.rollouts.open()) == (before, None)

    rebuilt = IMAGE.replace("a" * 64, "b" * 64)
    other, created = register(rebuilt)
    assert (other, created) == (number + 1, True)
    assert Registry(cloud.connection).version(cloud.name, other).image == rebuilt
    assert f"would roll version {other} out" in start(other, "--unless-in-force", "--dry-run")
    assert register(IMAGE) == (number, False), "the version that has this image, not the newest of the package"
    assert types.document("register")["version"] == other, "without an image, the newest of the package"


def test_a_person_approves_and_takes_back(cloud: Cloud, types: Typed) -> None:
    before = cloud.config()
    cloud.say(approve=True)
    cloud.make_machine()
    number = cloud.version(approved=False)
    types("rollout", "start", "--version", str(number), "--all-at-once")
    rollout = cloud.rollouts.open()
    assert rollout is not None
    until(lambda: rollout.run().token, 20, "the machine asks")
    types.by("deliver")
    assert "is under way" in types("rollout", "start", "--version", str(number), code=5)
    assert "waits for approval" in types("rollout", "why")
    types("approve", str(number), "--reason", "seen")
    assert cloud.finished(rollout)[0] == "SUCCEEDED"
    assert "variant: stable" in types("invoke", '{"x": 1.0, "y": 2.0}')
    types.by("rollback")
    types("rollback", "--reason", "a change of mind")
    assert cloud.config() == before
    assert "a change of mind" in types("rollout", "history")


def test_another_account_is_refused_before_anything_is_asked(cloud: Cloud, types: Typed) -> None:
    cloud.account, meant = "111122223333", cloud.account
    try:
        cloud.say()
        called = len(cloud.front.called)
        told = [types("rollout", "start", code=5), types("infra", "destroy", "--yes", code=5)]
    finally:
        cloud.account = meant
    for said in told:
        assert f"headgate.yaml says account 111122223333, but these credentials are of account {meant}" in said
    assert len(cloud.front.called) == called
