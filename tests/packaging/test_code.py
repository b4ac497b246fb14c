from pathlib import Path

import pytest

from headgate.errors import InvalidInput, NotFound
from headgate.packaging.code import collect_code

MODEL = "def model_fn(model_dir): return 1\n"


def program(folder: Path, text: str) -> Path:
    (folder / "inference.py").write_text(text)
    return folder


@pytest.mark.parametrize(
    "text",
    [
        MODEL + "def predict_fn(data, model): return data\n",
        MODEL + "def transform_fn(model, body, content_type, accept): return body\n",
        "from hooks import model_fn, answer as predict_fn\n",
        "from hooks import *\n",
        MODEL + "predict_fn = print\n",
        MODEL + "async def predict_fn(data, model): return data\n",
    ],
)
def test_hooks_may_be_written_in_many_ways(tmp_path: Path, text: str) -> None:
    assert collect_code(program(tmp_path, text)) == {"code/inference.py": text.encode()}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("def model_fn(:", "line 1: it is not Python"),
        ("a\0b", "it is not Python"),
        ("", r"does not define model_fn\(model_dir\)"),
        (MODEL, r"does not define predict_fn\(data, model\)"),
        ("\nasync def model_fn(model_dir): return 1\n", "line 2: model_fn is async"),
    ],
)
def test_code_that_cannot_serve(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        collect_code(program(tmp_path, text))


def test_everything_below_goes_along_but_caches_hidden_files_and_links(tmp_path: Path) -> None:
    program(tmp_path, "from hooks import *\n")
    for name in (
        "lib/deep/table.json",
        "__pycache__/x.pyc",
        "lib/__pycache__/y",
        ".git/config",
        "lib/.hidden",
        "z.pyc",
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("{}")
    assert sorted(collect_code(tmp_path)) == ["code/inference.py", "code/lib/deep/table.json"]
    (tmp_path / "lib" / "link").symlink_to("/etc/passwd")
    with pytest.raises(InvalidInput, match="is a link"):
        collect_code(tmp_path)


def test_no_folder_and_far_too_much(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        collect_code(tmp_path / "none")
    program(tmp_path, "from hooks import *\n")
    with (tmp_path / "huge").open("wb") as file:
        file.truncate(51 * 1024**2)
    with pytest.raises(InvalidInput, match="more than 52,428,800 bytes"):
        collect_code(tmp_path)
