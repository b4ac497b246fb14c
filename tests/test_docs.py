"""What docs/server.md shows is what the server answers, and the settings it lists are those there are."""

import re
import subprocess
import sys
import tarfile

import pytest

from headgate.errors import HeadgateError
from headgate.serving import settings
from headgate.serving.answers import encode_error
from headgate.serving.load import load
from headgate.serving.predictor import Predictor
from tests.system.engine import ROOT

PAGE = (ROOT / "docs" / "server.md").read_text()
EXCHANGE = re.compile(
    r"^```http\nPOST /invocations\n(?P<head>.*?)\n\n(?P<body>.*?)\n```\n\n```answer\n(?P<answer>.*?)\n```$",
    re.MULTILINE | re.DOTALL,
)
SETTINGS = re.compile(r"^ {4}[A-Z_]{5}.*$", re.MULTILINE)


@pytest.fixture(scope="module")
def iris(tmp_path_factory: pytest.TempPathFactory) -> Predictor:
    """The model of the README's tour."""
    folder = tmp_path_factory.mktemp("docs")
    for arguments in (["init", "iris", "."], ["train"], ["package"]):
        subprocess.run([sys.executable, "-m", "headgate", *arguments], cwd=folder, check=True, capture_output=True)
    (archive,) = folder.rglob("model.tar.gz")
    with tarfile.open(archive) as tar:
        tar.extractall(folder / "model", filter="data")
    return load(folder / "model")


def ask(predictor: Predictor, head: str, body: str) -> str:
    headers = dict(line.split(": ", 1) for line in head.splitlines())
    try:
        answer, status = predictor.predict(body.encode(), headers["content-type"], headers.get("accept")), 200
    except HeadgateError as error:
        answer, status = encode_error(error), error.http_status
    return f"{status} {answer.content_type}\n{answer.body.decode().rstrip()}"


@pytest.mark.slow
def test_the_server_answers_as_its_page_says(iris: Predictor) -> None:
    exchanges = list(EXCHANGE.finditer(PAGE))
    assert len(exchanges) == PAGE.count("```http") == PAGE.count("```answer") > 4
    for exchange in exchanges:
        assert ask(iris, exchange["head"], exchange["body"]) == exchange["answer"]


def test_the_page_lists_the_settings() -> None:
    listed = PAGE.split("<!-- settings -->")[1].split("<!-- end -->")[0]
    assert SETTINGS.findall(listed) == SETTINGS.findall(settings.__doc__ or ""), "copy them from settings.py"
