"""From the `rollout` section of headgate.yaml to a strategy, and in which rhythm its judge gets evidence there."""

from headgate.core.evidence import BY_SECOND, OF_ENDPOINTS, OF_FUNCTIONS, Rhythm
from headgate.rollout.plan import AllAtOnce, Canary, Strategy
from headgate.spec import Environment


def strategy_of(environment: Environment) -> tuple[Strategy, bool]:
    """The strategy of an environment, and whether somebody has to approve first.

    It is the one that the section asks for, but for a canary where none can stand: on AWS a serverless endpoint has one
    variant, so that all traffic moves at once, as `headgate plan` says.
    """
    approve = any(phase.approve is not None for phase in environment.rollout)
    if environment.target == "aws" and environment.hosting.kind == "serverless":
        return AllAtOnce(), approve
    for phase in environment.rollout:
        if phase.canary is not None:
            said = phase.canary
            return Canary(tuple(said.steps), said.bake, said.min_requests, said.wait, said.fallback), approve
    return AllAtOnce(), approve


def rhythm_of(environment: Environment) -> Rhythm:
    """How evidence comes in an environment: a step is judged `delay` after its bake."""
    if environment.target == "local":
        return BY_SECOND
    return OF_FUNCTIONS if environment.hosting.kind == "lambda" else OF_ENDPOINTS
