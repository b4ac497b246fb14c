"""CloudWatch, as far as it tells about endpoints and takes what evaluations put: GetMetricData, PutMetricData,
ListMetrics.

The namespaces `AWS/SageMaker` and `Headgate` are what the gateway saw; nobody puts into them. Every other namespace
holds what was put into it in the last 24 hours, by the second.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from headgate.engine.api.errors import ApiError, bad_parameter
from headgate.engine.api.metric_data import MetricData
from headgate.engine.api.metric_datum import point_of
from headgate.engine.api.paging import fingerprint_of, read_token, write_token
from headgate.engine.api.service_model import Shapes
from headgate.engine.api.validation import CLOUDWATCH, check
from headgate.engine.metrics.metric import Metric
from headgate.engine.metrics.observed import ObservedMetrics
from headgate.engine.metrics.store import MetricStore
from headgate.errors import InvalidInput, Refused, Unavailable

PAGE = 500
MOST_DATA = 1000
RESERVED = "AWS/"

Operation = Callable[[dict[str, Any]], dict[str, Any]]


class Metrics:
    """CloudWatch's operations. Safe to call from several threads."""

    def __init__(
        self, observed: ObservedMetrics, store: MetricStore, *, clock: Callable[[], float] = time.time
    ) -> None:
        """`clock` gives epoch seconds."""
        self.shapes = Shapes("cloudwatch")
        self._observed = observed
        self._store = store
        self._clock = clock
        self._operations: dict[str, Operation] = {
            "GetMetricData": MetricData(self._source).get,
            "ListMetrics": self.summarise,
            "PutMetricData": self.put,
        }

    @property
    def operations(self) -> frozenset[str]:
        """The names of the operations there are."""
        return frozenset(self._operations)

    def call(self, operation: str, request: object) -> dict[str, Any]:
        """Check a request and carry it out. Raises ApiError."""
        self.check_known(operation)
        try:
            return self._operations[operation](check(request, self.shapes.request(operation), CLOUDWATCH))
        except InvalidInput as error:
            raise bad_parameter(error.message) from error
        except Refused as error:
            raise ApiError("LimitExceeded", error.message) from error
        except Unavailable as error:
            raise ApiError("InternalServiceError", f"{error.message} {error.hint}".strip(), 500) from error

    def check_known(self, operation: str) -> None:
        """Raises ApiError unless there is such an operation."""
        if operation not in self._operations:
            text = f"The Headgate engine has no CloudWatch operation {operation!a}."
            raise ApiError("UnknownOperationException", text)

    def put(self, request: dict[str, Any]) -> dict[str, Any]:
        """PutMetricData."""
        namespace = request["Namespace"]
        if namespace.startswith(RESERVED) or namespace in self._observed.namespaces:
            raise bad_parameter(
                f"The value {namespace} for parameter Namespace is invalid: nobody puts into this namespace."
            )
        for member in ("EntityMetricData", "StrictEntityValidation"):
            if request.get(member):
                raise bad_parameter(f"{member} is not supported by the Headgate engine. Use MetricData.")
        data = request.get("MetricData", [])
        if not data:
            raise ApiError("MissingParameter", "The parameter MetricData is required.")
        if len(data) > MOST_DATA:
            raise bad_parameter(f"The collection MetricData must not have a size greater than {MOST_DATA}.")
        now = self._clock()
        self._store.put([point_of(namespace, d, f"MetricData.member.{i}", now) for i, d in enumerate(data, 1)])
        return {}

    def summarise(self, request: dict[str, Any]) -> dict[str, Any]:
        """ListMetrics. All that there is is recently active."""
        for member in ("IncludeLinkedAccounts", "OwningAccount"):
            if request.get(member):
                raise bad_parameter(f"{member} is not supported by the Headgate engine: it has one account.")
        fingerprint = fingerprint_of(request)
        found = sorted(metric for metric in self._all() if _is_wanted(metric, request))
        if token := request.get("NextToken"):
            try:
                space, name, dimensions = read_token(token, fingerprint)
                last = Metric(space, name, tuple((key, value) for key, value in dimensions))
                found = [metric for metric in found if metric > last]
            except (ValueError, TypeError):
                raise ApiError("InvalidNextToken", "This list gave no such NextToken for the same filters.") from None
        page = found[:PAGE]
        answer: dict[str, Any] = {"Metrics": [_told(metric) for metric in page]}
        if len(page) < len(found):
            last = page[-1]
            answer["NextToken"] = write_token(fingerprint, [last.namespace, last.name, last.dimensions])
        return answer

    def _source(self, namespace: str) -> ObservedMetrics | MetricStore:
        return self._observed if namespace in self._observed.namespaces else self._store

    def _all(self) -> Iterator[Metric]:
        yield from self._observed.metrics()
        yield from self._store.metrics()


def _is_wanted(metric: Metric, request: Mapping[str, Any]) -> bool:
    if request.get("Namespace", metric.namespace) != metric.namespace:
        return False
    if request.get("MetricName", metric.name) != metric.name:
        return False
    has = dict(metric.dimensions)
    return all(
        wanted["Name"] in has and wanted.get("Value", has[wanted["Name"]]) == has[wanted["Name"]]
        for wanted in request.get("Dimensions", [])
    )


def _told(metric: Metric) -> dict[str, Any]:
    dimensions = [{"Name": name, "Value": value} for name, value in metric.dimensions]
    return {"Namespace": metric.namespace, "MetricName": metric.name, "Dimensions": dimensions}
