"""A stand-in for Lambda's control API, for Invoke, and for what CloudWatch tells of both.

It keeps functions, versions and aliases as Lambda does, revisions and states included. Invoke really runs the model: a
version that is asked for the first time becomes a process of Lambda's own runtime client over the package that its
image stands for, and an alias splits by its weights. GetMetricData is answered from what happened: invocations that
were made, errors that came back, and the embedded metrics in the logs of the processes.

Its clock runs `scale` times as fast as ours: CloudWatch's minutes pass in seconds.
"""

import json
import random
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from tests.serving.aws_lambda.runtime_api import Function, Outcome, running

ACCOUNT = "arn:aws:lambda:eu-west-1:111122223333:function"
BEGAN = 1_800_000_000.0
"""What the clock shows first: the beginning of a minute."""
UPDATE_SECONDS = 10.0
"""How long an image takes, on the clock of the stand-in."""


class Clock:
    """A clock that runs faster than ours."""

    def __init__(self, scale: float = 1.0) -> None:
        self.scale = scale
        self._zero = time.time()

    def __call__(self) -> float:
        """Epoch seconds."""
        return self.shown(time.time())

    def shown(self, real: float) -> float:
        """What it shows at a moment of our time."""
        return BEGAN + (real - self._zero) * self.scale


@dataclass
class Version:
    """`$LATEST` or a published version."""

    number: str
    image: str
    memory: int = 1024
    timeout: int = 20
    variables: dict[str, str] = field(default_factory=dict)
    description: str = ""
    revision: str = ""
    modified: float = 0.0
    ready: float = 0.0
    failure: str = ""
    asleep: str = ""
    """Why it is Inactive: Idle, or what keeps Lambda from fetching the image again."""
    locked: bool = False
    """It may not be changed."""


@dataclass
class Alias:
    """An alias."""

    version: str
    weights: dict[str, float] = field(default_factory=dict)
    description: str = ""
    revision: str = ""


@dataclass
class Stored:
    """A function."""

    latest: Version
    versions: dict[str, Version] = field(default_factory=dict)
    aliases: dict[str, Alias] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Point:
    """One value of one metric. `dimensions` are those that Lambda, or the embedded format, gives it."""

    at: float
    namespace: str
    metric: str
    dimensions: Mapping[str, str]
    value: float


class Refusal(Exception):
    """An error of the API."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code = status, code


class LambdaApi:
    """The stand-in. `images` says which package an image holds, `bad_images` which Lambda cannot take, and why."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self.clock = clock
        self.folder = folder
        self.functions: dict[str, Stored] = {}
        self.images: dict[str, Path] = {}
        self.bad_images: dict[str, str] = {}
        self.key_denied = ""
        """Why callers may not decrypt variables."""
        self.points: list[Point] = []
        self.delay = 45.0
        """How much later than it happened CloudWatch tells of a thing."""
        self.calls: list[str] = []
        self.moved_asleep = 0
        """How often an alias was moved to a version that does not answer yet."""
        self._ids = count(1)
        self._dice = random.Random(7)
        self._lock = threading.RLock()
        self._running: dict[tuple[str, str], tuple[Function, threading.Lock]] = {}
        self._read: dict[Path, int] = {}
        self._stack = ExitStack()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    @property
    def port(self) -> int:
        """Where it listens, on loopback."""
        return int(self._server.server_address[1])

    def close(self) -> None:
        """Stop everything."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        self.empty()

    def empty(self) -> None:
        """Forget all functions, and what happened."""
        self._stack.close()
        for kept in (self.functions, self.bad_images, self.points, self.calls, self._running, self._read):
            kept.clear()

    # ---- what the infrastructure makes

    def create(self, name: str, image: str, tags: Mapping[str, str]) -> None:
        """A function, its first version, and an alias `live` at it."""
        latest = Version("$LATEST", image, revision=self._revision(), modified=self.clock() - 3600)
        stored = self.functions[name] = Stored(latest, tags=dict(tags))
        first = stored.versions["1"] = replace(latest, number="1", revision=self._revision())
        stored.aliases["live"] = Alias(first.number, revision=self._revision())

    def meddle(self, name: str, version: str, weights: dict[str, float]) -> None:
        """What somebody else does to the alias."""
        with self._lock:
            alias = self.functions[name].aliases["live"]
            alias.version, alias.weights, alias.revision = version, weights, self._revision()

    # ---- the API

    def answer(self, method: str, path: str, query: Mapping[str, str], body: bytes) -> Any:
        """The document that answers a request. Raises Refusal."""
        with self._lock:
            for verb, pattern, action in self._routes():
                found = re.fullmatch(pattern, path)
                if verb == method and found:
                    names = [unquote(part) for part in found.groups()]
                    self.calls.append(action.__name__)
                    return action(*names, document=json.loads(body or b"{}"), query=query)
        raise Refusal(404, "UnknownOperationException", path)

    def _routes(self) -> Iterator[tuple[str, str, Callable[..., Any]]]:
        function = r"/2015-03-31/functions/([^/]+)"
        yield "GET", function, self.get_function
        yield "GET", rf"{function}/versions", self.list_versions
        yield "POST", rf"{function}/versions", self.publish_version
        yield "PUT", rf"{function}/code", self.update_code
        yield "GET", rf"{function}/aliases/([^/]+)", self.get_alias
        yield "PUT", rf"{function}/aliases/([^/]+)", self.update_alias
        yield "GET", r"/2017-03-31/tags/(.+)", self.list_tags
        yield "POST", r"/2017-03-31/tags/(.+)", self.tag
        yield "DELETE", r"/2017-03-31/tags/(.+)", self.untag

    def get_function(self, name: str, *, document: Any, query: Mapping[str, str]) -> Any:  # noqa: ARG002
        """GetFunction."""
        version = self._version(name, query.get("Qualifier", "$LATEST"))
        return {"Configuration": self._configuration(name, version), "Code": {"ImageUri": version.image}}

    def list_versions(self, name: str, *, document: Any, query: Mapping[str, str]) -> Any:  # noqa: ARG002
        """ListVersionsByFunction, two a page."""
        stored = self._function(name)
        everything = [stored.latest, *stored.versions.values()]
        start = int(query.get("Marker", "0"))
        page = {"Versions": [self._configuration(name, version) for version in everything[start : start + 2]]}
        return page | ({"NextMarker": str(start + 2)} if start + 2 < len(everything) else {})

    def update_code(self, name: str, *, document: Any, query: Mapping[str, str]) -> Any:  # noqa: ARG002
        """UpdateFunctionCode."""
        latest = self._idle(name, document)
        now = self.clock()
        latest.image, latest.modified, latest.ready = document["ImageUri"], now, now + UPDATE_SECONDS
        latest.failure = self.bad_images.get(latest.image, "")
        latest.asleep = ""
        latest.revision = self._revision()
        return self._configuration(name, latest)

    def publish_version(self, name: str, *, document: Any, query: Mapping[str, str]) -> Any:  # noqa: ARG002
        """PublishVersion: none of what was published last already."""
        latest, versions = self._idle(name, document), self._function(name).versions
        last = versions[max(versions, key=int)]
        same = ("image", "memory", "timeout", "variables")
        if all(getattr(last, name) == getattr(latest, name) for name in same):
            return self._configuration(name, last)
        number, described = str(int(last.number) + 1), document.get("Description", "")
        made = replace(
            latest, number=number, variables=dict(latest.variables), description=described, revision=self._revision()
        )
        made.ready, made.asleep = self.clock() + UPDATE_SECONDS, ""
        versions[number] = made
        latest.revision = self._revision()
        return self._configuration(name, made)

    def get_alias(self, name: str, alias: str, *, document: Any, query: Mapping[str, str]) -> Any:  # noqa: ARG002
        """GetAlias."""
        found = self._function(name).aliases.get(alias)
        if found is None:
            raise Refusal(404, "ResourceNotFoundException", f"Cannot find alias arn: {ACCOUNT}:{name}:{alias}")
        routing = {"RoutingConfig": {"AdditionalVersionWeights": found.weights}} if found.weights else {}
        return {
            "AliasArn": f"{ACCOUNT}:{name}:{alias}",
            "Name": alias,
            "FunctionVersion": found.version,
            "Description": found.description,
            "RevisionId": found.revision,
            **routing,
        }

    def update_alias(self, name: str, alias: str, *, document: Any, query: Mapping[str, str]) -> Any:
        """UpdateAlias: what is not said stays."""
        found = self._function(name).aliases[alias]
        if document.get("RevisionId", found.revision) != found.revision:
            raise Refusal(412, "PreconditionFailedException", "The Revision Id provided does not match the latest one.")
        weights = document.get("RoutingConfig", {}).get("AdditionalVersionWeights", found.weights)
        version = document.get("FunctionVersion", found.version)
        if version in weights or len(weights) > 1 or not all(0 <= weight <= 1 for weight in weights.values()):
            raise Refusal(400, "InvalidParameterValueException", f"Not a split: {version}, {weights}")
        for number in (version, *weights):
            found_ready = self._version(name, number)
            self.moved_asleep += bool(found_ready.asleep or found_ready.ready > self.clock())
        found.version, found.weights, found.revision = version, weights, self._revision()
        found.description = document.get("Description", found.description)
        return self.get_alias(name, alias, document=None, query=query)

    def list_tags(self, arn: str, *, document: Any, query: Mapping[str, str]) -> Any:  # noqa: ARG002
        """ListTags."""
        return {"Tags": self._of_arn(arn).tags}

    def tag(self, arn: str, *, document: Any, query: Mapping[str, str]) -> None:  # noqa: ARG002
        """TagResource."""
        self._of_arn(arn).tags.update(document["Tags"])

    def untag(self, arn: str, *, document: Any, query: Mapping[str, str]) -> None:  # noqa: ARG002
        """UntagResource."""
        for key in query.get("tagKeys", "").split(","):
            self._of_arn(arn).tags.pop(key, None)

    # ---- invoke

    def invoke(self, name: str, qualifier: str, event: Any) -> Outcome:
        """What the function gave back. It is counted as Lambda counts."""
        with self._lock:
            alias = self._function(name).aliases.get(qualifier)
            number = self._drawn(alias) if alias else qualifier
            version = self._version(name, number)
            if version.asleep:
                version.asleep, version.ready = "", self.clock() + UPDATE_SECONDS
            if version.ready > self.clock():
                raise Refusal(409, "CodeArtifactUserPendingException", f"Version {number} is Pending.")
            function, one_at_a_time = self._process(name, version)
        with one_at_a_time:
            began = time.time()
            outcome = function.invoke(event, f"{ACCOUNT}:{name}:{qualifier}")
            took = time.time() - began
        dimensions = {"FunctionName": name, "Resource": f"{name}:{qualifier}"}
        if alias and alias.weights:
            dimensions["ExecutedVersion"] = number
        values = {"Invocations": 1.0, "Errors": float(outcome.kind != "response"), "Duration": took * 1000}
        with self._lock:
            if function.process.poll() is not None:
                self._running.pop((name, number), None)  # the next one is a new process
            at = self.clock.shown(began)
            self.points += [Point(at, "AWS/Lambda", metric, dimensions, value) for metric, value in values.items()]
        return outcome

    def _drawn(self, alias: Alias) -> str:
        dice = self._dice.random()
        return next((version for version, weight in alias.weights.items() if dice < weight), alias.version)

    def _process(self, name: str, version: Version) -> tuple[Function, threading.Lock]:
        key = name, version.number
        if key not in self._running:
            log = self.folder / f"{name}-{version.number}-{next(self._ids)}.log"
            function = self._stack.enter_context(
                running(
                    self.images[version.image],
                    log,
                    AWS_LAMBDA_FUNCTION_NAME=name,
                    AWS_LAMBDA_FUNCTION_VERSION=version.number,
                )
            )
            self._read[log] = 0
            self._running[key] = function, threading.Lock()
        return self._running[key]

    # ---- CloudWatch

    def get_metric_data(self, document: Any) -> Any:
        """GetMetricData."""
        with self._lock:
            self._take_embedded()
            known = [point for point in self.points if point.at < self.clock() - self.delay]
        start, end = float(document["StartTime"]), float(document["EndTime"])
        results = []
        for query in document["MetricDataQueries"]:
            asked = query["MetricStat"]
            metric = asked["Metric"]
            dimensions = {each["Name"]: each["Value"] for each in metric["Dimensions"]}
            periods: dict[float, list[float]] = {}
            for point in known:
                named = (point.namespace, point.metric) == (metric["Namespace"], metric["MetricName"])
                # Lambda tells everything of a resource, and of each version that was executed for it as well.
                whole = {name: value for name, value in point.dimensions.items() if name != "ExecutedVersion"}
                same = dimensions == point.dimensions or (point.namespace == "AWS/Lambda" and dimensions == whole)
                if named and same and start <= point.at < end:
                    period = start + (point.at - start) // asked["Period"] * asked["Period"]
                    periods.setdefault(period, []).append(point.value)
            results.append(
                {
                    "Id": query["Id"],
                    "Label": query["Id"],
                    "Timestamps": sorted(periods),
                    "Values": [statistic(asked["Stat"], periods[period]) for period in sorted(periods)],
                    "StatusCode": "Complete",
                }
            )
        return {"MetricDataResults": results, "Messages": []}

    def _take_embedded(self) -> None:
        """What CloudWatch makes of the lines that came into the logs since it was asked last."""
        for path, offset in self._read.items():
            with path.open("rb") as log:
                log.seek(offset)
                read = log.read()
                whole = read[: read.rfind(b"\n") + 1]  # the rest of the last line is still to come
                self._read[path] = offset + len(whole)
            for line in whole.splitlines():
                document = json.loads(line) if line.startswith(b"{") else {}
                for about in document.get("_aws", {}).get("CloudWatchMetrics", []):
                    at = self.clock.shown(document["_aws"]["Timestamp"] / 1000)
                    self.points += [
                        Point(at, about["Namespace"], metric["Name"], dimensions, float(document[metric["Name"]]))
                        for metric in about["Metrics"]
                        for dimensions in ({name: document[name] for name in names} for names in about["Dimensions"])
                    ]

    # ---- how

    def _function(self, name: str) -> Stored:
        if name not in self.functions:
            raise Refusal(404, "ResourceNotFoundException", f"Function not found: {ACCOUNT}:{name}")
        return self.functions[name]

    def _of_arn(self, arn: str) -> Stored:
        return self._function(arn.removeprefix(f"{ACCOUNT}:"))

    def _version(self, name: str, number: str) -> Version:
        stored = self._function(name)
        found = stored.latest if number == "$LATEST" else stored.versions.get(number)
        if found is None:
            raise Refusal(404, "ResourceNotFoundException", f"Function not found: {ACCOUNT}:{name}:{number}")
        return found

    def _idle(self, name: str, document: Any) -> Version:
        latest = self._function(name).latest
        if latest.ready > self.clock() or latest.locked:
            message = f"The operation cannot be performed at this time. An update is in progress for {name}"
            raise Refusal(409, "ResourceConflictException", message)
        if document.get("RevisionId", latest.revision) != latest.revision:
            raise Refusal(412, "PreconditionFailedException", "The Revision Id provided does not match the latest one.")
        return latest

    def _configuration(self, name: str, version: Version) -> dict[str, Any]:
        ready = version.ready <= self.clock()
        published = version.number != "$LATEST"
        update = "InProgress" if not ready and not published else "Failed" if version.failure else "Successful"
        return {
            "FunctionName": name,
            "FunctionArn": f"{ACCOUNT}:{name}" + (f":{version.number}" if published else ""),
            "Version": version.number,
            "Description": version.description,
            "MemorySize": version.memory,
            "Timeout": version.timeout,
            **({"Environment": self._environment(version)} if version.variables else {}),
            "RevisionId": version.revision,
            "LastModified": datetime.fromtimestamp(version.modified, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3]
            + "+0000",
            "State": "Inactive" if version.asleep else "Pending" if published and not ready else "Active",
            **({"StateReasonCode": version.asleep, "StateReason": "No image."} if version.asleep else {}),
            "LastUpdateStatus": update,
            **({"LastUpdateStatusReason": version.failure} if update == "Failed" else {}),
        }

    def _environment(self, version: Version) -> dict[str, Any]:
        if not self.key_denied:
            return {"Variables": version.variables}
        return {"Error": {"ErrorCode": "AccessDeniedException", "Message": self.key_denied}}

    def _revision(self) -> str:
        return f"revision-{next(self._ids)}"


def statistic(name: str, values: list[float]) -> float:
    """A statistic as CloudWatch names it."""
    trimmed = re.fullmatch(r"TC\(([0-9.]+):\)", name)
    if trimmed:
        return float(sum(value > float(trimmed[1]) for value in values))
    if name.startswith("p"):
        return sorted(values)[min(len(values) - 1, int(len(values) * float(name[1:]) / 100))]
    return {"Sum": sum(values), "SampleCount": float(len(values))}[name]


def _handler(api: LambdaApi) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1

        def _any(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            url = urlsplit(self.path)
            query = {name: ",".join(values) for name, values in parse_qs(url.query).items()}
            headers: dict[str, str] = {}
            try:
                invoked = re.fullmatch(r"/2015-03-31/functions/([^/]+)/invocations", url.path)
                if "GetMetricData" in self.headers.get("X-Amz-Target", ""):
                    status, document = 200, api.get_metric_data(json.loads(body))
                elif invoked:
                    name, _, behind = unquote(invoked[1]).partition(":")
                    outcome = api.invoke(name, behind or query["Qualifier"], json.loads(body))
                    status, document = 200, outcome.document
                    headers = {} if outcome.kind == "response" else {"X-Amz-Function-Error": "Unhandled"}
                else:
                    status, document = 200, api.answer(self.command, url.path, query, body)
            except Refusal as refusal:
                status, document = refusal.status, {"Message": str(refusal)}
                headers = {"x-amzn-errortype": refusal.code}
            content = b"" if document is None else json.dumps(document).encode()
            self.send_response(204 if document is None else status)
            for header, value in {"Content-Type": "application/json", **headers}.items():
                self.send_header(header, value)
            if document is not None:
                self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PUT = do_DELETE = _any

        def log_message(self, format: str, *args: object) -> None:
            """Nothing."""

    return Handler
