# ruff: noqa: RUF001  letters that look like others are the point

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from headgate.data.load import load
from headgate.data.newsgroups import MAX_CHARACTERS, keep_newsgroups
from headgate.data.texts import read_texts
from headgate.data.validation import Validation
from headgate.errors import InvalidInput, Unavailable
from tests.data.projects import make

AG = b'"3","Fears for T N pension","Unions say ""no"""\n"4","The Race is On",""\n'


def write(folder: Path, content: bytes) -> Path:
    path = folder / "texts.csv"
    path.write_bytes(content)
    return path


def test_a_file_without_a_header_gets_names_and_classes_get_theirs(tmp_path: Path) -> None:
    table = read_texts(
        write(tmp_path, AG),
        "class",
        ["title", "description"],
        names=["class", "title", "description"],
        labels={"3": "Business", "4": "Sci/Tech"},
    )
    assert table.features == ("text",)
    assert table.X.tolist() == [['Fears for T N pension Unions say "no"'], ["The Race is On"]]
    assert table.y.tolist() == ["Business", "Sci/Tech"]
    assert table.with_missing == ()


def test_texts_are_taken_as_they_stand_and_kept_without_pickle(tmp_path: Path) -> None:
    content = 'headline,topic\nNA,a\n"None, null",b\nУчёные São 🙂\\,b\n'.encode()
    table = read_texts(write(tmp_path, content), "topic", ["headline"], feature="headline")
    assert table.features == ("headline",)
    assert table.X[:, 0].tolist() == ["NA", "None, null", "Учёные São 🙂\\"]
    kept = Validation.from_bytes(Validation(table.X, table.y).to_bytes())
    assert kept.X.tolist() == table.X.tolist()
    assert kept.y.tolist() == ["a", "b", "b"]


@pytest.mark.parametrize(
    ("content", "options", "said"),
    [
        (b"text,y\na,b\n ,c\n", {}, r"line 3: no text in 'text'"),
        (b"text,y\na,b\nd,\n", {}, r"line 3: no value for the target 'y'"),
        (b"title,y\na,b\n", {}, r"no column 'text'; it has title, y"),
        (b"a,b\nc\n", {"names": ["text", "y"]}, r"line 2: 1 fields, data/columns has 2"),
        (b"text,y\na,1\nb,2\n", {"labels": {"1": "World"}}, r"line 3: 'y' is '2', which data/labels has no name for"),
        (b"text,y\n\xff,1\n", {}, r"line 2: it is not UTF-8 text"),
        (b"text,y\n" + b"x" * 200_000 + b",1\n", {}, r"line 2: field larger than field limit"),
    ],
)
def test_what_is_wrong_is_said_with_the_line(tmp_path: Path, content: bytes, options: Any, said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        read_texts(write(tmp_path, content), "y", ["text"], **options)


def test_a_class_may_have_any_name_and_free_text_is_none(tmp_path: Path) -> None:
    table = read_texts(write(tmp_path, b"text,y\na,None\nb,NA\nc,None\n"), "y", ["text"])
    assert table.labels == ("NA", "None")
    mistaken = "".join(f"a,{'word ' * 100}{n}\n" for n in range(20)).encode()
    with pytest.raises(InvalidInput, match=r"'y' is text, not classes: line 2 has 501 characters") as caught:
        read_texts(write(tmp_path, b"text,y\n" + mistaken), "y", ["text"])
    assert "data/target" in caught.value.hint


def test_numbers_without_a_header(tmp_path: Path) -> None:
    rows = "".join(f"{n},{n % 3},{n % 2}\n" for n in range(12))
    (tmp_path / "rows.csv").write_text(rows)
    names = {"columns": ["a", "b", "y"], "labels": {"0": "even", "1": "odd"}}
    table = load(make(tmp_path, "rows.csv", "classification", data=names))
    assert (table.features, table.labels, table.X.shape) == (("a", "b"), ("even", "odd"), (12, 2))


def fetched(**options: Any) -> Any:
    """As scikit-learn's fetcher answers."""
    assert options["remove"] == ("headers", "footers", "quotes")
    assert Path(options["data_home"]).is_dir()
    texts = ["one,\n\n two", " \n", "x" * (MAX_CHARACTERS + 5), "für \x00 \ud800 мир"] * 5
    return SimpleNamespace(data=texts, target=[n % 2 for n in range(len(texts))], target_names=["alt.atheism", "sci"])


def test_the_newsgroups_are_fetched_once_and_kept_as_csv(tmp_path: Path) -> None:
    project = make(
        tmp_path, "sklearn:20newsgroups", "classification", data={"target": "group"}, train={"recipe": "text"}
    )
    path = keep_newsgroups(project.store, fetch=fetched)
    assert path.read_text().splitlines()[0] == '"one, two",alt.atheism'
    table = load(project)  # without the internet from here on
    assert (len(table.y), table.labels, table.target) == (15, ("alt.atheism", "sci"), "group")
    assert max(len(text) for text in table.X[:, 0]) == MAX_CHARACTERS
    assert "für ? мир" in table.X[:, 0].tolist()


def test_without_the_internet_the_remedy_is_named(tmp_path: Path) -> None:
    def refused(**_: Any) -> Any:
        raise ConnectionRefusedError(111, "Connection refused")

    with pytest.raises(Unavailable, match=r"cannot be downloaded: .*Connection refused") as caught:
        keep_newsgroups(tmp_path, fetch=refused)
    assert str(tmp_path / "data" / "20newsgroups.csv") in caught.value.hint
    assert not (tmp_path / "data").exists()


@pytest.mark.slow
def test_scikit_learns_own_fetcher_without_the_internet(tmp_path: Path) -> None:
    """A proxy on which nobody listens is a network that is down."""
    code = "import sys; from pathlib import Path\nfrom headgate.data.newsgroups import keep_newsgroups\n"
    code += "keep_newsgroups(Path(sys.argv[1]))"
    down = dict.fromkeys(("http_proxy", "https_proxy"), "http://127.0.0.1:1")
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code, str(tmp_path)],
        env=os.environ | down | {"no_proxy": ""},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert "Unavailable: sklearn:20newsgroups cannot be downloaded" in done.stderr
    assert list(tmp_path.iterdir()) == []
