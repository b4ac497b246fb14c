"""`headgate image`: what an image is built from. (`make images` builds and runs them, where there is buildah.)"""

import json
import re
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from headgate.core.digest import sha256_file
from headgate.core.manifest import MANIFEST_NAME, Manifest
from tests.cli.conftest import Run
from tests.images.package_index import environment, write_index, write_wheel
from tests.serving.models import write_archive, write_code, write_package

pytestmark = pytest.mark.slow

DIGEST = "sha256:" + 64 * "a"
CODE = "def model_fn(d): ...\ndef predict_fn(data, model): ...\n"


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_index(tmp_path_factory.mktemp("index") / "wheels")


@pytest.fixture
def package(tmp_path: Path) -> Path:
    return write_archive(tmp_path / "model.tar.gz", write_package(tmp_path / "linear"))


def with_requirements(folder: Path, requirements: str) -> Path:
    """A package whose code needs something, and which wants XGBoost itself for large batches."""
    model = write_code(folder / "needy", CODE, manifest=True)
    (model / "code" / "requirements.txt").write_text(requirements)
    manifest = Manifest("needy", "code", large_batch=64)
    (model / MANIFEST_NAME).write_text(json.dumps(manifest.to_json()))
    return write_archive(folder / "needy.tar.gz", model)


def requirements(context: Path) -> dict[str, str]:
    """What is in requirements.txt, and the hash of each."""
    lines = (context / "pip" / "requirements.txt").read_text().splitlines()
    return dict(line.split(" --hash=sha256:", 1) for line in lines)


def test_a_lambda_image_has_the_model_and_hashed_requirements_in_it(
    headgate: Run, index: Path, package: Path, tmp_path: Path
) -> None:
    context = tmp_path / "build"
    ran = headgate(
        *("image", str(package), "--for", "lambda", "--output", str(context), "--json"),
        *("--platform", "linux/arm64", "--base", f"python@{DIGEST}"),
        env=environment(index),
    )
    assert ran.returncode == 0, ran.stderr
    for name in ("headgate.json", "schema.json", "model.onnx"):
        assert (context / "model" / name).read_bytes() == (tmp_path / "linear" / name).read_bytes()
    assert {path.stat().st_mode & 0o777 for path in context.rglob("*") if path.is_file()} == {0o644}

    pinned = requirements(context)
    assert f"onnxruntime=={version('onnxruntime')}" in pinned
    assert f"awslambdaric=={version('awslambdaric')}" in pinned
    assert not {"xgboost-cpu", "pytest"} & {line.partition("==")[0] for line in pinned}
    assert all(re.fullmatch(r"[0-9a-f]{64}", digest) for digest in pinned.values())
    (wheel,) = (context / "pip").glob("*.whl")
    assert pinned[f"/pip/{wheel.name}"] == sha256_file(wheel)

    said: dict[str, Any] = json.loads(ran.stdout)
    assert said["image"] == f"linear-lambda:{sha256_file(package)[:12]}"
    assert f"--build-arg BASE=python@{DIGEST}" in said["build"]["buildah"]
    assert "--platform linux/arm64" in said["build"]["docker"]
    assert "--read-only" in said["run"]

    dockerfile = (context / "Dockerfile").read_text()
    assert dockerfile.count("FROM ${BASE}") == 2
    assert "\nARG BASE\n" in dockerfile  # without a default: no digest can be known here
    assert re.search(r"^USER 10001:10001$", dockerfile, re.MULTILINE)
    assert "entry.handler" in dockerfile


def test_a_sagemaker_image_takes_what_the_package_asks_for(headgate: Run, index: Path, tmp_path: Path) -> None:
    write_wheel(index, "six", "99.1")
    package = with_requirements(tmp_path, "# pinned by its author\nsix==99.1\n")
    ran = headgate(
        *("image", str(package), "--for", "sagemaker", "--output", str(tmp_path / "build")), env=environment(index)
    )
    assert ran.returncode == 0, ran.stderr
    pinned = requirements(tmp_path / "build")
    assert {"six==99.1", f"xgboost-cpu=={version('xgboost-cpu')}"} <= pinned.keys()
    assert "pip_conf" in ran.stdout
    assert not (tmp_path / "build" / "model").exists()
    assert 'ENTRYPOINT ["python", "-m", "headgate.container"]' in (tmp_path / "build" / "Dockerfile").read_text()


def test_the_image_for_delivery_is_headgate_without_a_model(headgate: Run, index: Path, tmp_path: Path) -> None:
    context = tmp_path / "work" / "build"
    ran = headgate("image", "--for", "delivery", "--output", "build", "--json", env=environment(index))
    assert ran.returncode == 0, ran.stderr
    pinned = {line.partition("==")[0] for line in requirements(context)}
    assert {"awslambdaric", "botocore", "obstore", "pydantic", "msgspec"} <= pinned
    assert not {"numpy", "onnxruntime", "uvicorn", "xgboost-cpu", "scikit-learn", "pytest"} & pinned
    assert sorted(path.name for path in context.iterdir()) == [".dockerignore", "Dockerfile", "pip"]

    said: dict[str, Any] = json.loads(ran.stdout)
    assert re.fullmatch(r"headgate-delivery:[0-9a-f]{12}", said["image"])
    assert f"headgate.source=sha256:{said['image'].partition(':')[2]}" in said["build"]["buildah"]
    again = headgate("image", "--for", "delivery", "--output", "elsewhere", "--json", "--dry-run")
    assert json.loads(again.stdout)["image"] == said["image"]

    (command,) = re.findall(r'^CMD \["(.+)"\]$', (context / "Dockerfile").read_text(), re.MULTILINE)
    assert command == said["functions"]["front door"]
    for handler in said["functions"].values():
        assert find_spec(handler.rpartition(".")[0]), handler


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["model.tar.gz", "--for", "delivery"], "The image for delivery has no model in it."),
        (["--for", "lambda"], "An image for lambda is made for a package."),
        (["--for", "sagemaker"], "headgate image model.tar.gz --for sagemaker"),
    ],
)
def test_a_package_goes_with_a_model(headgate: Run, arguments: list[str], said: str) -> None:
    ran = headgate("image", *arguments, "--output", "build")
    assert ran.returncode == 2
    assert said in ran.stderr


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("no-such-thing==1", "No matching distribution found for no-such-thing==1"),
        ("six @ file://{index}/six-99.2-py3-none-any.whl", "The requirement six is a file or an address"),
    ],
)
def test_what_cannot_be_pinned_is_told_and_leaves_nothing(
    headgate: Run, index: Path, tmp_path: Path, line: str, said: str
) -> None:
    write_wheel(index, "six", "99.2")
    package = with_requirements(tmp_path, line.format(index=index))
    ran = headgate(
        *("image", str(package), "--for", "sagemaker", "--output", str(tmp_path / "build")), env=environment(index)
    )
    assert ran.returncode in (2, 4)
    assert said in ran.stderr
    assert list(tmp_path.glob("*build*")) == []


def test_a_dry_run_names_the_image_and_writes_nothing(headgate: Run, package: Path, tmp_path: Path) -> None:
    ran = headgate("image", str(package), "--for", "sagemaker", "--output", str(tmp_path / "build"), "--dry-run")
    assert ran.returncode == 0, ran.stderr
    assert "would be written" in ran.stdout
    assert "BASE=NAME@sha256:DIGEST" in ran.stdout
    assert not (tmp_path / "build").exists()


@pytest.mark.parametrize("base", ["python:3.11-slim", "python:latest", f"--x@{DIGEST}"])
def test_a_base_is_named_by_digest(headgate: Run, package: Path, base: str) -> None:
    ran = headgate("image", str(package), "--for", "lambda", "--output", "build", f"--base={base}")
    assert ran.returncode == 2
    assert "--base should name an image by digest" in ran.stderr


def test_a_folder_in_use_is_left_alone(headgate: Run, package: Path, tmp_path: Path) -> None:
    (tmp_path / "build").mkdir()
    (tmp_path / "build" / "mine").touch()
    ran = headgate("image", str(package), "--for", "lambda", "--output", str(tmp_path / "build"))
    assert ran.returncode == 5
    assert [path.name for path in (tmp_path / "build").iterdir()] == ["mine"]
