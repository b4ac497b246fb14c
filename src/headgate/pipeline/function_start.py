"""The terms of a new rollout or rollback of a model in a Lambda function. Only looks, as `pipeline.start` does.

Function and alias are the infrastructure's: it makes them once, with a first version, so that there is always something
that answers. What the function's `headgate:project` tag says has to be this project.
"""

from dataclasses import replace

from headgate.core import names
from headgate.core.endpoints import EndpointState
from headgate.core.versions import ModelVersion
from headgate.errors import NotFound, Refused, RunsAlready
from headgate.hosting import canary
from headgate.hosting.alias import BESIDE, Labels, image_of, label_of, number_of, same_image
from headgate.hosting.deployment import TAG_LAST_GOOD, TAG_PROJECT, TAG_ROLLOUT, Place, version_in
from headgate.hosting.functions import ALIAS, AliasState, Functions, Release
from headgate.hosting.session import Connection
from headgate.pipeline.rollouts import Rollouts
from headgate.pipeline.run import sentence
from headgate.pipeline.start import NoWayBack, new_id, require_approval, terms_at
from headgate.pipeline.terms import LAMBDA, Kind, Terms
from headgate.rollout.from_spec import strategy_of
from headgate.rollout.plan import AllAtOnce, Step, compile_plan
from headgate.spec import Project


def function_place(project: str, environment: str) -> Place:
    """Where a project goes whose environment says `hosting: {lambda: ...}`."""
    return Place(project, environment, LAMBDA, 1)


def function_rollout_terms(
    project: Project,
    environment: str,
    version: ModelVersion,
    connection: Connection,
    rollouts: Rollouts,
    *,
    at_once: bool = False,
) -> Terms:
    """What rolling this version out takes. `at_once` overrides the spec: no canary, no comparison.

    Raises NotFound where there is no function or alias, Refused where the present state forbids it: an open rollout, a
    version that may not be deployed, a function of another project; RunsAlready for a version that runs already.
    """
    place, number = function_place(project.name, environment), rollouts.next_number()
    there = _There(Functions(connection), place)
    strategy, approve = strategy_of(project.spec.environments[environment])
    steps = compile_plan(AllAtOnce() if at_once else strategy, approve=approve)
    require_approval(version, steps)
    label = label_of(version, place, there.latest)
    there.require_other(label, image_of(version), version)
    before = there.state.config_name
    pair, refusable = canary.Pair(f"{before}{BESIDE}{label}", label), project.spec.package.code is not None
    return there.terms("rollout", number, version.number, pair, steps=steps, refusable=refusable)


def function_rollback_terms(
    place: Place, connection: Connection, rollouts: Rollouts, reason: str, *, refusable: bool = True
) -> Terms:
    """What going back to the last good version takes: the one that the function's own pointer names.

    `place`: only its project and environment count. `refusable`: whether the model may have hooks of its own, which
    need not take a held-out row. Raises Refused where there is no such version, or a rollout is open.
    """
    place, number = function_place(place.project, place.environment), rollouts.next_number()
    functions = Functions(connection)
    there = _There(functions, place)
    pointer = there.tags.get(TAG_LAST_GOOD, "")
    if not pointer or pointer == there.state.config_name:
        raise NoWayBack(
            f"{there.function} has no earlier version to go back to.", hint="`headgate rollout start --version N`."
        )
    number_of(functions, there.function, pointer)
    pair = canary.Pair("", pointer)
    return there.terms("rollback", number, version_in(pointer) or 0, pair, reason=sentence(reason), refusable=refusable)


class _There:
    """The function as it is, if a rollout may start on it."""

    def __init__(self, functions: Functions, place: Place) -> None:
        """Raises NotFound, Refused."""
        self._functions, self._place = functions, place
        self.function = names.function(place.project, place.environment, "model")
        found = functions.find(self.function)
        if found is None:
            raise NotFound(
                f"There is no function {self.function} with an alias {ALIAS}.",
                hint=f"`headgate infra deploy --env {place.environment}` makes both.",
            )
        self.alias: AliasState = found
        self.latest: Release = functions.release(self.function)
        self.state: EndpointState = Labels(functions, self.function).state(found, self.latest)
        self.tags = functions.tags(self.state.arn)
        self._require_free()

    def _require_free(self) -> None:
        owner, rollout = self.tags.get(TAG_PROJECT), self.tags.get(TAG_ROLLOUT)
        if owner != self._place.project:
            raise Refused(
                f"Function {self.function} does not belong to project {self._place.project}.",
                hint=f"Its tag {TAG_PROJECT} should say so: `headgate infra deploy` writes it.",
            )
        if rollout is not None:
            raise Refused(
                f"Rollout {rollout} is under way on {self.function}, started from another folder.",
                hint=f"End it there; where it is lost, take the tag {TAG_ROLLOUT} off the function.",
            )
        if self.alias.beside:
            raise Refused(
                f"The alias {ALIAS} of {self.function} runs two versions, {self.alias.version} and "
                f"{self.alias.beside}; a rollout starts from one.",
                hint="Let it run one: somebody else moved it.",
            )

    def require_other(self, label: str, image: str, version: ModelVersion) -> None:
        """Raises RunsAlready where the alias runs this already."""
        runs = self._functions.release(self.function, self.alias.version)
        same = same_image(runs.image, image)
        if self.state.config_name == label or (same and runs.settings == self.latest.settings):
            raise RunsAlready(
                f"{self.function} runs version {version.number} already.",
                hint="`headgate train` makes a new candidate.",
            )

    def terms(
        self,
        kind: Kind,
        number: int,
        version: int,
        pair: canary.Pair,
        *,
        refusable: bool,
        steps: tuple[Step, ...] = (),
        reason: str = "",
    ) -> Terms:
        """The terms, from what is there."""
        found = terms_at(
            self._place,
            self.tags,
            number,
            new_id(self._place, number),
            pair,
            kind=kind,
            version=version,
            config_before=self.state.config_name,
            refusable=refusable,
            steps=steps,
            reason=reason,
        )
        return replace(found, endpoint=self.function)
