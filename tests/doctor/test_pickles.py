"""Code that unpickles is found by what it calls, whatever it calls it."""

import ast
from pathlib import Path

import pytest

from headgate.doctor.package import Package
from headgate.doctor.pickles import look_at_pickled_files, look_at_unpickling_code, unpickling


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import pickle\npickle.load(f)", ["2 pickle.load"]),
        ("from pickle import loads as read\nread(b)", ["2 pickle.loads"]),
        ("import joblib as j\nload = j.load", ["2 joblib.load"]),
        ("import cloudpickle, dill\ndill.load(f); cloudpickle.loads(b)", ["2 dill.load", "2 cloudpickle.loads"]),
        ("import pandas as pd\npd.read_pickle('x')", ["2 pandas.read_pickle"]),
        ("import torch\ntorch.load('x')", ["2 torch.load"]),
        ("import torch\ntorch.load('x', weights_only=True)", []),
        ("import numpy as np\nnp.load('x')\nnp.load('x', allow_pickle=False)", []),
        ("import numpy as np\nnp.load('x', allow_pickle=True)", ["2 numpy.load(allow_pickle=True)"]),
        ("import pickle\npickle.dumps(1)", []),
        ("class pickle:\n    load = 1\npickle.load", []),
        ("import json\njson.load(f)", []),
    ],
)
def test_code(source: str, found: list[str]) -> None:
    assert sorted(f"{line} {name}" for line, name in unpickling(ast.parse(source))) == sorted(found)


def test_members(tmp_path: Path) -> None:
    assert look_at_pickled_files(Package(tmp_path, None, ("model.PKL", "a.onnx"))).seen == "model.PKL: pickled"
    assert look_at_pickled_files(Package(tmp_path, None, ("model.skops",))).verdict == "ok"


def test_every_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("import pickle\npickle.load(f)")
    (tmp_path / "b.py").write_text("not python at all")
    finding = look_at_unpickling_code(Package(tmp_path, None, ("a.py", "b.py", "c.txt")))
    assert (finding.verdict, finding.seen) == ("warning", "a.py:2 pickle.load")
    assert look_at_unpickling_code(Package(tmp_path, None, ())).verdict == "skipped"
