"""Which `World` a rollout has, and who makes its terms: for an endpoint of SageMaker's, or the alias of a function."""

import time
from collections.abc import Callable

from headgate.core.endpoints import EndpointState
from headgate.core.versions import ModelVersion
from headgate.hosting.alias import Labels
from headgate.hosting.deployment import Place
from headgate.hosting.endpoints import Endpoints
from headgate.hosting.evidence import Evidence
from headgate.hosting.functions import Functions
from headgate.hosting.session import Connection
from headgate.pipeline.function_start import function_rollback_terms, function_rollout_terms
from headgate.pipeline.function_world import FunctionWorld
from headgate.pipeline.hosted import HostedWorld
from headgate.pipeline.probe import Row
from headgate.pipeline.rollouts import Rollouts
from headgate.pipeline.start import rollback_terms, rollout_terms
from headgate.pipeline.terms import Terms
from headgate.spec import Project


def terms_for(
    project: Project,
    environment: str,
    version: ModelVersion,
    connection: Connection,
    rollouts: Rollouts,
    *,
    at_once: bool = False,
) -> Terms:
    """What rolling a version out takes, wherever the environment says that it is hosted; see `rollout_terms`."""
    make = function_rollout_terms if in_function(project, environment) else rollout_terms
    return make(project, environment, version, connection, rollouts, at_once=at_once)


def terms_back(
    place: Place, connection: Connection, rollouts: Rollouts, reason: str, *, function: bool, refusable: bool = True
) -> Terms:
    """What going back to the last good version takes; see `rollback_terms`. `function`: it is a Lambda function."""
    make = function_rollback_terms if function else rollback_terms
    return make(place, connection, rollouts, reason, refusable=refusable)


def world_of(
    connection: Connection,
    row: Row,
    terms: Terms,
    *,
    evidence: Evidence | None = None,
    now: Callable[[], float] = time.time,
) -> HostedWorld | FunctionWorld:
    """The surroundings of a rollout. `evidence`, of an endpoint only: see `HostedWorld`."""
    if terms.moves_alias:
        return FunctionWorld(connection, row, terms, now=now)
    return HostedWorld(connection, row, terms, evidence=evidence)


def state_of(connection: Connection, terms: Terms) -> EndpointState | None:
    """What a rollout's endpoint, or alias, runs now."""
    if terms.moves_alias:
        return Labels(Functions(connection), terms.endpoint).find()
    return Endpoints(connection).find(terms.endpoint)


def in_function(project: Project, environment: str) -> bool:
    """Whether an environment's model is in a Lambda function. Locally it never is: the engine hosts it."""
    settings = project.spec.environments[environment]
    return settings.target == "aws" and settings.hosting.kind == "lambda"
