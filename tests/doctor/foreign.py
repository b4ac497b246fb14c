"""Somebody else's model server, on the standard library alone: `python foreign.py serve [WORD...]`.

Without words it keeps the whole contract. Each word breaks one thing; a word may carry a value (`writes=/some/path`).
"""

import json
import math
import os
import pickle
import signal
import socket
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer, ThreadingHTTPServer
from pathlib import Path

LIMIT = 6 * 1_048_576
WORDS = dict(word.partition("=")[::2] for word in sys.argv[2:])
PORT = int(os.environ["SAGEMAKER_BIND_TO_PORT"])
MODEL = Path(os.environ["SAGEMAKER_BASE_DIR"]) / "model"
NEVER = threading.Event()


class Refusal(Exception):
    """An answer that is an error."""


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    invoked = 0

    def do_GET(self) -> None:
        if self.path == "/ping":
            if "slow-ping" in WORDS:
                NEVER.wait(0.3)
            self.answer(503 if "never-ready" in WORDS else 200, b"fine" if "ping-body" in WORDS else b"", "")
        elif self.path == "/execution-parameters" and "parameters" in WORDS:
            self.answer(200, b'{"MaxConcurrentTransforms": "many"}')
        elif self.path == "/metrics" and "metrics" in WORDS:
            self.answer(200, b"<html>no metrics today</html>", "text/html")
        elif self.path == "/invocations":
            self.answer(500 if "method-500" in WORDS else 405)
        else:
            self.answer(500 if "path-500" in WORDS else 404)

    def do_DELETE(self) -> None:
        self.answer(405)

    def do_POST(self) -> None:
        Handler.invoked += 1
        if "chunked" in self.headers.get("Transfer-Encoding", "") and "chunked-closes" in WORDS:
            self.close_connection = True
            return
        if int(self.headers.get("Content-Length", "0")) > LIMIT and "resets" in WORDS:
            self.close_connection = True
            return
        body = self.read_body()
        if "logs-body" in WORDS:
            sys.stderr.write(f"got {body[:200]!r}\n")
        try:
            status, answer, media = self.invoke(body)
        except Refusal as error:
            status, answer, media = error.args[0], b'{"error": "refused"}', "application/json"
        self.close_connection = self.close_connection or "closes" in WORDS
        self.answer(status, answer, media)

    def read_body(self) -> bytes:
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            length = int(self.headers.get("Content-Length", "0"))
            body = self.rfile.read(length)
            if len(body) < length and "dies-on-hang-up" in WORDS:
                os._exit(9)
            return body
        parts = []
        while size := int(self.rfile.readline(), 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def invoke(self, body: bytes) -> tuple[int, bytes, str]:
        media, accept = self.headers.get("Content-Type", ""), self.headers.get("Accept", "*/*")
        self.break_down(body, media, accept)
        if len(body) > LIMIT:
            raise Refusal(200 if "unlimited" in WORDS else 413)
        if media not in ("application/json", "text/csv"):
            raise Refusal(415)
        if accept not in ("*/*", "application/json"):
            raise Refusal(406)
        try:
            rows = read_rows(body, media)
            if not all(set(row) == {"x", "y"} and all(map(math.isfinite, row.values())) for row in rows):
                raise ValueError("not the features")
        except (ValueError, TypeError, AttributeError):
            raise Refusal(500 if "bad-500" in WORDS else 400) from None
        text = json.dumps(["high" if row["x"] + row["y"] > 0 else "low" for row in rows]).encode()
        if "not-json" in WORDS and accept == "application/json":
            return 200, b"high!", "application/json"
        return 200, text, "text/html" if "html" in WORDS else "application/json"

    def break_down(self, body: bytes, media: str, accept: str) -> None:
        broken = {
            "early": Handler.invoked == 1,
            "broken-model": True,
            "strict-headers": "X-Unheard-Of" in self.headers,
            "npy-500": media == "application/x-npy",
            "unknown-500": media.startswith("application/x-headgate"),
            "accept-500": accept == "text/csv",
            "expect-500": "Expect" in self.headers,
            "small-500": 1_000_000 < len(body) < LIMIT,
        }
        if any(word in WORDS and now for word, now in broken.items()):
            raise Refusal(500)

    def answer(self, status: int, body: bytes = b"", media: str = "application/json") -> None:
        self.send_response(status)
        if media:
            self.send_header("Content-Type", media)
        self.send_header("Content-Length", str(len(body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def send_error(self, code: int, *_: object) -> None:
        self.request_version = "HTTP/1.1"
        self.close_connection = True
        self.answer(500 if "garbage-500" in WORDS else code)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class Server(ThreadingHTTPServer):
    """A thread for each connection; closing waits for those that are busy."""

    daemon_threads = False
    request_queue_size = 128


class Single(HTTPServer):
    """One connection after the other, and hardly any room to wait."""

    request_queue_size = 0


def read_rows(body: bytes, media: str) -> list[dict[str, float]]:
    if media == "text/csv":
        return [dict(zip("xy", map(float, line.split(",")), strict=True)) for line in body.decode().splitlines()]
    value = json.loads(body)
    return value if isinstance(value, list) else [value]


def misbehave() -> None:
    if "dies" in WORDS:
        sys.exit("cannot find \x1b[31mlibmodel.so")
    if "writes-package" in WORDS:
        MODEL.chmod(0o755)
        (MODEL / "cache").write_text("x")
    if "writes" in WORDS:
        Path(WORDS["writes"]).write_text(str(os.getpid()))
    if "unpickles" in WORDS:
        pickle.loads(pickle.dumps(Path("x")))
    if "leaves-child" in WORDS:
        subprocess.Popen(["sleep", "60"])


def main() -> None:
    if "any-argument" not in WORDS and sys.argv[1] != "serve":
        sys.exit(f"unknown argument {sys.argv[1]}")
    misbehave()
    port = 0 if "elsewhere" in WORDS else PORT
    server = (Single if "single" in WORDS else Server)(("0.0.0.0" if "wide" in WORDS else "127.0.0.1", port), Handler)
    server.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def stop(*_: object) -> None:
        if "drops" in WORDS:
            os._exit(3)
        threading.Thread(target=server.shutdown).start()

    if "ignores-sigterm" in WORDS:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    elif "unhandled" not in WORDS:
        signal.signal(signal.SIGTERM, stop)
    server.serve_forever(poll_interval=0.05)
    server.server_close()


if __name__ == "__main__":
    main()
