"""One real question to an endpoint that was just deployed: `InService` says that it answers, this that it predicts."""

import json
import math
from dataclasses import dataclass
from pathlib import Path

from headgate.core.versions import ModelVersion
from headgate.errors import HeadgateError, InvalidInput, NotFound, Unavailable
from headgate.hosting.runtime import Runtime
from headgate.hosting.session import Connection


@dataclass(frozen=True, slots=True)
class Probed:
    """The answer, where there is one, and what to say of it."""

    answer: str | None
    said: str


def probe(
    store: Path,
    version: ModelVersion,
    connection: Connection,
    endpoint: str,
    *,
    variant: str = "",
    times: int = 1,
    refusable: bool = False,
) -> Probed:
    """Send a held-out row of the version's run, where this store has it; `times` over, to warm a server up.

    `variant` is asked whatever its weight, and what becomes of such a request is no evidence. `refusable`: the user's
    own hooks may take other input, and refuse it. Raises Unavailable where it is not answered.
    """
    try:
        body = _row(store, version)
    except NotFound:
        return Probed(None, "It was not probed: this store has no row of its run.")
    except InvalidInput as error:  # the deployment is done all the same
        return Probed(None, f"Nothing was asked, for no row of its run can be read: {error.message}")
    try:
        runtime = Runtime(connection)
        for _ in range(times - 1):
            runtime.invoke(endpoint, body, variant=variant)
        answer = runtime.invoke(endpoint, body, variant=variant).body.decode(errors="replace").strip()
        return Probed(answer, f"A held-out row was answered: {answer}")
    except HeadgateError as error:
        if isinstance(error, InvalidInput) and refusable:
            return Probed(None, f"A held-out row as JSON is not what its hooks take. {error.message}")
        raise Unavailable(
            f"{endpoint} is InService on version {version.number}, but does not answer a row that it was judged by. "
            f"{error.message}",
            hint=f"`headgate logs {endpoint}`; `headgate deploy --version N` goes back to a version that worked.",
        ) from error


def _row(store: Path, version: ModelVersion) -> bytes:
    from headgate.data.categories import as_sent
    from headgate.data.runs import VALIDATION_NAME, Runs
    from headgate.data.validation import Validation

    run = Runs(store).load(version.metadata.get("run.id", ""))
    record, held = run.record, Validation.from_bytes(run.read(VALIDATION_NAME))
    (first,) = as_sent(record.features, record.categories, held.X[:1])
    values = [None if isinstance(value, float) and math.isnan(value) else value for value in first]
    return json.dumps(dict(zip(record.features, values, strict=True))).encode()
