"""One real question to what was just deployed: `InService` says that it answers, this that it predicts."""

import json
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headgate.core import names
from headgate.core.versions import ModelVersion
from headgate.data.store import Objects
from headgate.errors import HeadgateError, InvalidInput, NotFound, Unavailable
from headgate.hosting.registry import DIGEST
from headgate.hosting.runtime import Runtime
from headgate.hosting.session import Connection

if TYPE_CHECKING:
    from headgate.data.runs import Run

WARM_UP_SECONDS = 30.0
"""A slow model is asked less often: a tick has to end, and Lambda ends it after `infra.machine.TICK_SECONDS`."""
Row = Callable[[ModelVersion], bytes]
"""A row that a version was judged by, as JSON. Raises NotFound where there is none."""


@dataclass(frozen=True, slots=True)
class Probed:
    """The answer, where there is one, and what to say of it."""

    answer: str | None
    said: str


def probe(
    row: Row,
    version: ModelVersion,
    connection: Connection,
    endpoint: str,
    *,
    variant: str = "",
    times: int = 1,
    seconds: float = math.inf,
    refusable: bool = False,
) -> Probed:
    """Send a held-out row of the version's run, where there is one; `times` over, to warm a server up, for `seconds`.

    `variant` is asked whatever its weight, and what becomes of such a request is no evidence. `refusable`: the user's
    own hooks may take other input, and refuse it. Raises Unavailable where it is not answered.
    """
    runtime = Runtime(connection)
    return put(
        lambda: row(version),
        lambda body: repeated(lambda: runtime.invoke(endpoint, body, variant=variant).body, times, seconds),
        who=f"{endpoint} is InService on version {version.number}, but",
        refusable=refusable,
        hint=f"`headgate logs {endpoint}`; `headgate deploy --version N` goes back to a version that worked.",
    )


def put(row: Callable[[], bytes], ask: Callable[[bytes], bytes], *, who: str, refusable: bool, hint: str) -> Probed:
    """Put a held-out row to what `ask` asks. `who` begins the sentence, and `hint` ends it, where it does not answer.

    Raises Unavailable then.
    """
    try:
        body = row()
    except NotFound:
        return Probed(None, "It was not probed: this store has no row of its run.")
    except InvalidInput as error:  # the deployment is done all the same
        return Probed(None, f"Nothing was asked, for no row of its run can be read: {error.message}")
    try:
        answer = ask(body).decode(errors="replace").strip()
    except HeadgateError as error:
        if isinstance(error, InvalidInput) and refusable:
            return Probed(None, f"A held-out row as JSON is not what its hooks take. {error.message}")
        raise Unavailable(f"{who} does not answer a row that it was judged by. {error.message}", hint=hint) from error
    return Probed(answer, f"A held-out row was answered: {answer}")


def repeated(ask: Callable[[], bytes], times: int, seconds: float) -> bytes:
    """Ask so often, but not again once so many seconds are over. The last answer."""
    until = time.monotonic() + seconds
    answer = ask()
    for _ in range(times - 1):
        if time.monotonic() >= until:
            break
        answer = ask()
    return answer


def row_of_run(store: Path, run_id: str) -> bytes:
    """The first held-out row of a run in a project's store. Raises NotFound."""
    from headgate.data.runs import Runs

    (row,) = held_out_rows(Runs(store).load(run_id), 1)
    return json.dumps(row).encode()


def held_out_rows(run: "Run", most: int) -> list[dict[str, Any]]:
    """The first of a run's held-out rows, as a client sends them."""
    from headgate.data.categories import as_sent
    from headgate.data.runs import VALIDATION_NAME
    from headgate.data.validation import Validation

    record, held = run.record, Validation.from_bytes(run.read(VALIDATION_NAME))
    sent = as_sent(record.features, record.categories, held.X[:most])
    plain = [[None if isinstance(value, float) and math.isnan(value) else value for value in row] for row in sent]
    return [dict(zip(record.features, row, strict=True)) for row in plain]


def rows_in(store: Path) -> Row:
    """Rows out of a project's store."""
    return lambda version: row_of_run(store, version.metadata.get("run.id", ""))


def rows_beside_packages(store: Objects) -> Row:
    """Rows that were put beside the packages in an environment's bucket."""
    return lambda version: store.get(names.row_key(version.metadata.get(DIGEST, "none")))
