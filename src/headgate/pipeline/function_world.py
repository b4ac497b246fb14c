"""A rollout's `World` behind the alias of a Lambda function.

The alias is what an endpoint is elsewhere: its version is the variant `stable`, the one beside it `canary`. Tags stand
on the function. There is no fallback: Lambda asks one version, and callers of a failing canary see its errors.

A move of the alias is taken only if it still is as it was when this tick looked (`endpoint`).
"""

import time
from collections.abc import Callable, Mapping

from headgate.core.endpoints import EndpointState
from headgate.core.evidence import Baseline, Rhythm, Tail, Window
from headgate.core.versions import ApprovalStatus, ModelVersion
from headgate.errors import NotFound
from headgate.hosting import alias, canary
from headgate.hosting.deployment import TAG_ENVIRONMENT, TAG_LAST_GOOD, TAG_PROJECT, TAG_ROLLOUT, TAG_VERSION, Place
from headgate.hosting.function_evidence import FunctionEvidence
from headgate.hosting.functions import ALIAS, AliasState, Functions
from headgate.hosting.registry import Registry
from headgate.hosting.session import Connection
from headgate.pipeline.probe import WARM_UP_SECONDS, Probed, put, repeated
from headgate.pipeline.remembered import Remembered
from headgate.pipeline.run import Analysis, Thresholds
from headgate.pipeline.terms import Terms
from headgate.rollout.plan import Start

WARM_UPS = 3
"""Requests to the canary before it gets traffic: does it start, and does it predict?"""
PROBE_SECONDS, AT_ONCE_SECONDS = 120.0, 30.0
"""Lambda may be out of concurrency, fetch an image again, or take a function's whole time over its first start. Where
callers have the version at once, and nothing was asked before, the way back does not wait so long."""


class FunctionWorld:
    """One rollout's surroundings: see `pipeline.world.World` for what each call does."""

    def __init__(
        self,
        connection: Connection,
        row: Callable[[ModelVersion], bytes],
        terms: Terms,
        *,
        functions: Functions | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        """`row`: a row that a version was judged by, as JSON; raises NotFound where there is none. `now`: epoch."""
        self._row = row
        self._terms = terms
        self._now = now
        self._function = terms.endpoint
        self._functions = functions or Functions(connection)
        self._registry = Registry(connection)
        self._evidence = FunctionEvidence(connection, self._function, now)
        self._labels = alias.Labels(self._functions, self._function)
        self._place = Place(terms.project, terms.environment, terms.instance_type, terms.instances, terms.variables)
        self._alias: AliasState | None = None
        self._arn = ""
        self._tags = Remembered(self._read_tags, now)
        self._version = Remembered(lambda: self._registry.version(terms.project, terms.version), now)

    @property
    def rhythm(self) -> Rhythm:
        """See `World`."""
        return self._evidence.rhythm

    @property
    def probe_seconds(self) -> float:
        """See `World`."""
        at_once = self._terms.kind == "rollout" and not any(isinstance(step, Start) for step in self._terms.steps)
        return AT_ONCE_SECONDS if at_once else PROBE_SECONDS

    # ---- read

    def endpoint(self) -> EndpointState | None:
        """See `World`."""
        self._alias = self._functions.find(self._function)
        if self._alias is None:
            self._arn = ""
            return None
        state = self._labels.state(self._alias, self._functions.release(self._function))
        self._arn = state.arn
        return state

    def tags(self, *, fresh: bool = False) -> Mapping[str, str]:
        """See `World`."""
        return self._tags.get(fresh=fresh)

    def version(self) -> ModelVersion:
        """See `World`."""
        return self._version.get()

    def windows(self, analysis: Analysis, thresholds: Thresholds | None, *, start: int, end: int) -> list[Window]:
        """See `World`."""
        present = self._present()
        if not present.beside:
            return []
        return self._evidence.windows(
            present.version,
            present.beside,
            thresholds=thresholds.values if thresholds else None,
            slow_began=max(analysis.rollout_began, thresholds.end) if thresholds else None,
            start=max(start, analysis.step_began),
            end=end,
        )

    def baseline(self, *, start: int, end: int) -> Baseline | None:
        """See `World`."""
        return self._evidence.baseline(self._present().version, start=start, end=end)

    def tail(self, *, start: int, end: int) -> Tail | None:
        """See `World`."""
        present = self._present()
        return self._evidence.tail(present.version, present.beside, start=start, end=end) if present.beside else None

    # ---- change

    def decide(self, status: ApprovalStatus, reason: str) -> None:
        """See `World`."""
        self._version.set(self._registry.set_status(self.version(), status, reason))

    def prepare(self) -> None:
        """Take the first step towards the version, where it is Approved: it answers nobody yet."""
        if self._terms.kind == "rollout" and self.version().status == "Approved":
            self._bring()

    def start_canary(self, try_seconds: float) -> None:  # noqa: ARG002  # there is no fallback
        """See `World`. Takes one step of those that bring the version there, and is called again."""
        self._claim()
        number = self._bring()
        if number is not None:
            self._move(self._present().version, beside=number)

    def shift(self, percent: float) -> None:
        """See `World`."""
        present = self._present()
        self._move(present.version, beside=present.beside, share=percent / 100.0)

    def promote(self) -> None:
        """See `World`. Takes one step of those that bring the version there, and is called again."""
        self._claim()
        present = self._present()
        beside = present.beside and self._labels.of(present.beside) == self._terms.final_config
        number = present.beside if beside else self._bring()
        if number is not None:
            self._move(number)

    def go_back(self) -> None:
        """See `World`. A version that has not run for weeks is woken first, and this is called again."""
        self._claim()
        target = self._terms.final_config if self._terms.kind == "rollback" else self._terms.config_before
        number = alias.number_of(self._functions, self._function, target)
        runs = number == self._present().version
        if runs or alias.ready(self._functions, self._function, self._functions.release(self._function, number)):
            self._move(number)

    def close(self, *, version: int, last_good: str) -> None:
        """See `World`."""
        ours = {TAG_PROJECT: self._terms.project, TAG_ENVIRONMENT: self._terms.environment, TAG_VERSION: str(version)}
        self._functions.tag(self._arn, ours | ({TAG_LAST_GOOD: last_good} if last_good else {}))
        if not last_good:
            self._functions.untag(self._arn, [TAG_LAST_GOOD])
        canary.release(self._functions, self._arn)

    def let_go(self) -> None:
        """See `World`."""
        if self._arn and self.tags(fresh=True).get(TAG_ROLLOUT) == self._terms.id:
            canary.release(self._functions, self._arn)

    # ---- ask

    def probe(self, version: int) -> Probed:
        """See `World`. The alias is asked, as callers do."""
        return self._ask(version, ALIAS, 1)

    def warm_up(self) -> Probed:
        """See `World`. A version that is asked by its number counts in nobody's evidence."""
        return self._ask(self._terms.version, self._present().beside, WARM_UPS)

    def _ask(self, version: int, qualifier: str, times: int) -> Probed:
        return put(
            lambda: self._row(self._registry.version(self._terms.project, version)),
            lambda row: repeated(lambda: self._functions.ask(self._function, qualifier, row), times, WARM_UP_SECONDS),
            who=f"Version {version}, in function {self._function},",
            refusable=self._terms.probe_refusable,
            hint="The log of the function says more.",
        )

    # ---- how

    def _present(self) -> AliasState:
        if self._alias is None:
            raise NotFound(
                f"Function {self._function} has no alias {ALIAS}.", hint="`headgate infra deploy` makes both."
            )
        return self._alias

    def _bring(self) -> str | None:
        return alias.bring(self._functions, self._function, self.version(), self._place, self._terms.final_config)

    def _move(self, version: str, *, beside: str = "", share: float = 0.0) -> None:
        self._alias = self._functions.move(
            self._function, self._present(), version, now=self._now(), beside=beside, share=share
        )

    def _claim(self) -> None:
        """Write on the function whose it is, unless it stands there: bringing a version there takes many calls."""
        told = self.tags()
        if (told.get(TAG_ROLLOUT), told.get(canary.TAG_GENERATION)) == (self._terms.id, str(self._terms.generation)):
            return
        canary.claim(
            self._functions,
            self._arn,
            rollout=self._terms.id,
            generation=self._terms.generation,
            last_good=self._terms.config_before,
        )
        self._tags.forget()

    def _read_tags(self) -> Mapping[str, str]:
        return self._functions.tags(self._arn) if self._arn else {}
