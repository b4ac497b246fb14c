"""Tiny valid packages: a linear model of two features in ONNX, or user code, as a folder or an archive.

The classifier says `high` where x + y + bias > 0, else `low`; the regressor answers x + y + bias.
"""

import io
import json
import tarfile
import tempfile
from gzip import GzipFile
from pathlib import Path

import numpy
from onnx import ModelProto, TensorProto, helper, numpy_helper

from headgate.core.digest import sha256_file
from headgate.core.manifest import MANIFEST_NAME, ONNX_NAME, SCHEMA_NAME, Backend, Manifest
from headgate.core.schema import Feature, InputSchema, Task

FEATURES = (Feature("x"), Feature("y"))
LABELS = ("low", "high")


def linear_model(task: Task = "classification", *, bias: float = 0.0, label_output: bool = True) -> ModelProto:
    """An ONNX model with one float32 input [n, 2]; a classifier gives label [n] and probabilities [n, 2]."""
    classifies = task == "classification"
    weights = [[0.0, 1.0], [0.0, 1.0]] if classifies else [[1.0], [1.0]]
    offsets = [0.0, bias] if classifies else [bias]
    constants = [
        numpy_helper.from_array(numpy.array(weights, numpy.float32), "weights"),
        numpy_helper.from_array(numpy.array(offsets, numpy.float32), "offsets"),
    ]
    last = "scores" if classifies else "variable"
    nodes = [
        helper.make_node("MatMul", ["X", "weights"], ["sums"]),
        helper.make_node("Add", ["sums", "offsets"], [last]),
    ]
    outputs = [helper.make_tensor_value_info("variable", TensorProto.FLOAT, [None, 1])]
    if classifies:
        nodes.append(helper.make_node("Softmax", ["scores"], ["probabilities"], axis=1))
        outputs = [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [None, 2])]
        if label_output:
            nodes.append(helper.make_node("ArgMax", ["probabilities"], ["label"], axis=1, keepdims=0))
            outputs.insert(0, helper.make_tensor_value_info("label", TensorProto.INT64, [None]))
    inputs = [helper.make_tensor_value_info("X", TensorProto.FLOAT, [None, 2])]
    graph = helper.make_graph(nodes, "linear", inputs, outputs, constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def write_package(
    folder: Path,
    *,
    bias: float = 0.0,
    task: Task = "classification",
    project: str = "linear",
    features: tuple[Feature, ...] = FEATURES,
) -> Path:
    """Write an onnx package with manifest and schema into `folder`; returns it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / ONNX_NAME).write_bytes(linear_model(task, bias=bias).SerializeToString())
    schema = InputSchema(task, "size", features, LABELS if task == "classification" else ())
    (folder / SCHEMA_NAME).write_text(json.dumps(schema.to_json()))
    return write_manifest(folder, "onnx", project=project)


def write_code(folder: Path, source: str, *, schema: InputSchema | None = None, manifest: bool = False) -> Path:
    """Write a package with `source` as code/inference.py, foreign unless `manifest`; returns the folder."""
    (folder / "code").mkdir(parents=True, exist_ok=True)
    (folder / "code" / "inference.py").write_text(source)
    if schema:
        (folder / SCHEMA_NAME).write_text(json.dumps(schema.to_json()))
    return write_manifest(folder, "code") if manifest else folder


def write_manifest(folder: Path, backend: Backend, *, project: str = "linear", large_batch: int = 0) -> Path:
    """List what is in `folder` in its manifest; returns the folder."""
    members = sorted(p for p in folder.rglob("*") if p.is_file() and p.name != MANIFEST_NAME)
    files = {p.relative_to(folder).as_posix(): sha256_file(p) for p in members}
    (folder / MANIFEST_NAME).write_text(json.dumps(Manifest(project, backend, files, large_batch).to_json()))
    return folder


def write_archive(path: Path, folder: Path | None = None, *, bias: float = 0.0) -> Path:
    """Pack the package in `folder` (without one: a classifier of that bias) as a model.tar.gz at `path`.

    Members stand at the root; equal folders give equal bytes.
    """
    if folder is None:
        with tempfile.TemporaryDirectory() as fresh:
            return write_archive(path, write_package(Path(fresh), bias=bias))
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for member in sorted(p for p in folder.rglob("*") if p.is_file()):
            info = tarfile.TarInfo(member.relative_to(folder).as_posix())
            info.size = member.stat().st_size
            archive.addfile(info, io.BytesIO(member.read_bytes()))
    with path.open("wb") as file, GzipFile(filename="", mode="wb", fileobj=file, mtime=0) as packed:
        packed.write(buffer.getvalue())
    return path
