"""One real question to an endpoint that was just deployed: `InService` says that it answers, this that it predicts."""

import json
import math
from typing import TYPE_CHECKING

from headgate.core.versions import ModelVersion
from headgate.errors import HeadgateError, NotFound, Unavailable

if TYPE_CHECKING:
    from headgate.hosting.session import Connection
    from headgate.spec import Project


def probe(project: "Project", version: ModelVersion, connection: "Connection", endpoint: str) -> str | None:
    """Send a held-out row of the version's run and return the answer; None where this store does not have that run.

    Raises Unavailable where the endpoint does not answer it.
    """
    from headgate.hosting.runtime import Runtime

    body = _row(project, version)
    if body is None:
        return None
    try:
        return Runtime(connection).invoke(endpoint, body).body.decode(errors="replace").strip()
    except HeadgateError as error:
        raise Unavailable(
            f"{endpoint} is InService on version {version.number}, but does not answer a row that it was judged by. "
            f"{error.message}",
            hint=f"`headgate logs {endpoint}`; `headgate deploy --version N` goes back to a version that worked.",
        ) from error


def _row(project: "Project", version: ModelVersion) -> bytes | None:
    from headgate.data.runs import VALIDATION_NAME, Runs
    from headgate.data.validation import Validation

    try:
        run = Runs(project.store).load(version.metadata.get("run.id", ""))
    except NotFound:
        return None
    first = Validation.from_bytes(run.read(VALIDATION_NAME)).X[0].tolist()
    values = [None if math.isnan(value) else value for value in first]
    return json.dumps(dict(zip(run.record.features, values, strict=True))).encode()
