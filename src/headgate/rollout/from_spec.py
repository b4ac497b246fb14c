"""From the `rollout` section of headgate.yaml to a strategy."""

from headgate.rollout.plan import AllAtOnce, Canary, Strategy
from headgate.spec import Environment


def strategy_of(environment: Environment) -> tuple[Strategy, bool]:
    """The strategy that an environment asks for, and whether somebody has to approve first."""
    approve = any(phase.approve is not None for phase in environment.rollout)
    for phase in environment.rollout:
        if phase.canary is not None:
            said = phase.canary
            return Canary(tuple(said.steps), said.bake, said.min_requests, said.wait, said.fallback), approve
    return AllAtOnce(), approve
