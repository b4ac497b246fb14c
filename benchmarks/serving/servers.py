"""What is measured: how each server is started and asked, each with the settings that are best for one core.

Words in braces are filled in when it starts: `port`, `bin` (its environment's programs), `peers` (our files for it),
`folder` (its own, for this run), `base` and `texts` (the unpacked packages), `limit` (the C program).
"""

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from benchmarks.serving.model import FEATURES

Row = Sequence[float]
Kind = Literal["ours", "text", "limit", "peer"]
"""`text` is ours too, with a model of its own."""
Path = tuple[str | int, ...]


SERVE = (sys.executable, "-m", "headgate.serving", "serve")
SETTINGS = {
    "SAGEMAKER_BASE_DIR": "{base}",
    "HEADGATE_BIND": "127.0.0.1:{port}",
    "HEADGATE_CAPTURE": "{folder}/capture",
}


def named(row: Row) -> Any:
    """`{"x1": 1.2, ...}`."""
    return dict(zip(FEATURES, row, strict=True))


@dataclass(frozen=True, slots=True)
class Server:
    """One server. `environment`: of the peers (`install`). `answer`, `table`: where the values are in the answers to
    one row and to a CSV file (none: it is not asked for one). `prepare` runs once, before anything is measured."""

    name: str
    title: str
    kind: Kind
    command: tuple[str, ...]
    answer: Path
    environment: str = ""
    settings: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, Any] = field(default_factory=dict)
    prepare: tuple[str, ...] = ()
    url: str = "/invocations"
    body: Callable[[Any], Any] = named
    head: str = ""
    """Further header lines."""
    table: Path | None = None

    def request(self, row: Any) -> bytes:
        """The whole request for one row."""
        return post(self.url, "application/json", json.dumps(self.body(row)).encode(), self.head)


def post(url: str, media: str, body: bytes, more: str = "") -> bytes:
    """An HTTP request."""
    lines = f"Host: 127.0.0.1\r\nContent-Type: {media}\r\nContent-Length: {len(body)}\r\n{more}\r\n"
    return f"POST {url} HTTP/1.1\r\n{lines}".encode() + body


def ours(name: str, title: str, head: str = "", **settings: str) -> Server:
    """Headgate's, with validation, metrics and everything captured."""
    return Server(
        name,
        title,
        "ours",
        SERVE,
        ("prediction", "value"),
        settings=SETTINGS | settings,
        head=head,
        table=("predictions", "*", "value"),
    )


def gunicorn(name: str, title: str) -> Server:
    """A Flask application under gunicorn: one worker, which keeps connections, and four threads."""
    command = "{bin}/gunicorn --chdir {peers} -k gthread -w 1 --threads 4 --keep-alive 60 -b 127.0.0.1:{port}"
    return Server(
        name,
        title,
        "peer",
        (*command.split(), f"{name.replace('-', '_')}:app"),
        ("predictions", 0),
        environment="web",
        table=("predictions", "*"),
    )


def litserve(name: str, title: str, batch: int) -> Server:
    """LitServe: one API server, one worker."""
    command = ("{bin}/python", "{peers}/litserve_server.py", "{port}", str(batch))
    return Server(name, title, "peer", command, ("value",), environment="web")


def bentoml(name: str, title: str, answer: Path, body: Callable[[Row], Any]) -> Server:
    """BentoML: one worker."""
    command = "{bin}/bentoml serve --working-dir {peers} --host 127.0.0.1 --port {port}"
    words = (*command.split(), f"{name.replace('-', '_')}:Predictor")
    return Server(name, title, "peer", words, answer, environment="bentoml", body=body)


SERVERS = (
    ours("headgate", "Headgate"),
    ours("headgate-ids", "Headgate, each request with an id of its own", "X-Request-Id: 5e0b6a5e-1f2d\r\n"),
    Server(
        "headgate-text",
        "Headgate, a text model (TF-IDF + linear)",
        "text",
        SERVE,
        ("prediction", "label"),
        settings=SETTINGS | {"SAGEMAKER_BASE_DIR": "{texts}"},
        body=lambda text: {"text": text},
    ),
    ours("headgate-asgi", "Headgate on uvicorn (the reference)", HEADGATE_TRANSPORT="asgi"),
    Server("limit", "C, epoll, trees compiled in (the limit)", "limit", ("{limit}", "{port}"), ("prediction", "value")),
    Server(
        "fastapi",
        "FastAPI + uvicorn, pydantic, ndarray",
        "peer",
        (*["{bin}/uvicorn", "--app-dir", "{peers}", "--port", "{port}", "--no-access-log"], "fastapi_ndarray:app"),
        ("value",),
        environment="web",
    ),
    gunicorn("flask-ndarray", "Flask + gunicorn, ndarray"),
    gunicorn("flask-dataframe", "Flask + gunicorn, DataFrame"),
    litserve("litserve-batched", "LitServe, batched", 64),
    litserve("litserve", "LitServe", 1),
    bentoml("bento-batched", "BentoML, batched", (0,), lambda row: {"rows": [named(row)]}),
    bentoml("bento-plain", "BentoML", ("value",), lambda row: {"row": named(row)}),
    Server(
        "mlserver",
        "MLServer",
        "peer",
        ("{bin}/mlserver", "start", "{folder}"),
        ("outputs", 0, "data", 0),
        environment="mlserver",
        settings={"MLSERVER_HTTP_PORT": "{port}", "PYTHONPATH": "{peers}"},
        files={
            "settings.json": {
                "host": "127.0.0.1",
                "debug": False,
                "parallel_workers": 0,
                "grpc_port": 0,
                "metrics_port": 0,
            },
            "model-settings.json": {"name": "benchmark", "implementation": "mlserver_model.Predictor"},
        },
        url="/v2/models/benchmark/infer",
        body=lambda row: {
            "inputs": [{"name": "rows", "shape": [1, len(row)], "datatype": "FP32", "data": [list(row)]}]
        },
    ),
    Server(
        "mlflow",
        "mlflow models serve",
        "peer",
        (
            *[
                "{bin}/mlflow",
                "models",
                "serve",
                "-m",
                "{folder}/model",
                "--env-manager",
                "local",
                "-w",
                "1",
                "-h",
                "127.0.0.1",
            ],
            "-p",
            "{port}",
        ),
        ("predictions", 0),
        environment="mlflow",
        prepare=("{bin}/python", "{peers}/mlflow_model.py", "{folder}/model"),
        body=lambda row: {"dataframe_split": {"columns": list(FEATURES), "data": [list(row)]}},
    ),
)
