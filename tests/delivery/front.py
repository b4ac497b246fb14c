"""One address that is AWS: SageMaker, CloudWatch and STS are our engine, Lambda is our handlers, all else is moto.

moto's interpreter of Step Functions calls `http://localhost:$MOTO_PORT`; this listens there. What is meant for the
engine is signed anew with its keys.
"""

import json
import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from headgate.engine.home import EngineFile
from headgate.errors import HeadgateError
from tests.delivery.iam import Iam

Handler = Callable[[Mapping[str, Any]], Mapping[str, Any]]

FUNCTIONS = "/2015-03-31/functions/"
ALARMS = "/alarms"
"""Where SNS posts what Lambda would be called with."""
HOP = {"connection", "host", "authorization", "content-length", "transfer-encoding", "accept-encoding", "expect"}


class Front:
    """The address, and what is behind it. `functions` are called by the ends of their names."""

    def __init__(self, file: EngineFile, moto: str) -> None:
        self.functions: dict[str, Handler] = {}
        self.called: list[tuple[str, str]] = []
        self.alarms: list[Mapping[str, Any]] = []
        """What the monitor said of each alarm."""
        self.configs: list[Mapping[str, Any]] = []
        """The endpoint configs that were asked for."""
        self.down = False
        """Whether SageMaker's control API answers nobody."""
        self.iam = Iam()
        self._one_at_a_time = threading.Lock()
        self._file = file
        self._moto = moto
        self._http = httpx.Client(timeout=70)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._server.server_address[1])

    def close(self) -> None:
        """Stop."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        self._http.close()

    def answer(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> httpx.Response:
        """What is behind this request."""
        target = headers.get("x-amz-target", "")
        request: dict[str, Any] = {"method": method, "path": path, "headers": headers, "body": body}
        refusal = self.iam.refusal(method, path, headers, body)
        if refusal is not None:
            return refusal
        if path == ALARMS:
            return self._alarm(json.loads(body))
        if path.startswith(FUNCTIONS):
            return self._invoke(path.removeprefix(FUNCTIONS).partition("/")[0], body)
        if target == "SageMaker.CreateEndpointConfig":
            self.configs.append(json.loads(body))
        if target.startswith(("SageMaker.", "Granite")):
            if self.down:
                return httpx.Response(503, json={"__type": "ServiceUnavailable", "message": "down for this test"})
            service = "sagemaker" if target.startswith("SageMaker.") else "monitoring"
            return self._signed(service, self._file.control_url, **request)
        if b"Action=GetCallerIdentity" in body:
            return self._signed("sts", self._file.control_url, **request)
        if path.startswith("/endpoints/"):
            return self._signed("sagemaker", self._file.gateway_url, **request)
        sent = {name: value for name, value in headers.items() if name not in HOP - {"authorization"}}
        sent["x-moto-account-id"] = self._file.account
        return self._http.request(method, self._moto + path, headers=sent, content=body)

    def _signed(
        self, service: str, url: str, *, method: str, path: str, headers: Mapping[str, str], body: bytes
    ) -> httpx.Response:
        kept = {n: v for n, v in headers.items() if n not in HOP and n not in ("x-amz-date", "x-amz-security-token")}
        request = AWSRequest(method, url + path, kept, body)
        SigV4Auth(Credentials(self._file.access_key, self._file.secret_key), service, self._file.region).add_auth(
            request
        )
        try:
            return self._http.request(method, url + path, headers=dict(request.headers.items()), content=body)
        except httpx.TransportError as error:
            return httpx.Response(503, json={"__type": "ServiceUnavailable", "message": str(error)})

    def _alarm(self, message: Mapping[str, Any]) -> httpx.Response:
        record = {"EventSource": "aws:sns", "EventVersion": "1.0", "Sns": message}
        self.alarms.append(self.functions["monitor"]({"Records": [record]}))
        return httpx.Response(200)

    def _invoke(self, name: str, body: bytes) -> httpx.Response:
        """Call a function as Lambda does; an error is an answer with its type and text."""
        function = name.rpartition("-")[2]
        event = json.loads(body or b"{}")
        self.called.append((function, event.get("do", "")))
        try:
            with self._one_at_a_time:  # another call at the same moment would find another process
                return httpx.Response(200, json=self.functions[function](event))
        except HeadgateError as error:
            document = {"errorMessage": error.message, "errorType": type(error).__name__}
        except Exception as error:  # noqa: BLE001  # as Lambda does
            document = {"errorMessage": repr(error), "errorType": type(error).__name__}
        return httpx.Response(200, headers={"x-amz-function-error": "Unhandled"}, json=document)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        front = self

        class Asked(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _any(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                headers = {name.lower(): value for name, value in self.headers.items()}
                answer = front.answer(self.command, self.path, headers, body)
                content = answer.content
                head = [f"HTTP/1.1 {answer.status_code} {answer.reason_phrase or 'Answer'}"]
                head += [f"{n}: {v}" for n, v in answer.headers.items() if n not in (*HOP, "content-encoding")]
                length = answer.headers.get("content-length", "0") if self.command == "HEAD" else str(len(content))
                head += [f"content-length: {length}", "", ""]
                self.wfile.write("\r\n".join(head).encode("latin-1") + content)

            do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = _any

            def log_message(self, *_: object) -> None:
                """Quiet."""

        return Asked
