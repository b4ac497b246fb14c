"""What the log lets the endpoint look like, and what somebody else did to it where it looks otherwise."""

from headgate.core.endpoints import EndpointState
from headgate.hosting.canary import canary_percent
from headgate.pipeline.run import Run
from headgate.rollout.plan import Approve, Promote, Shift, Start


def foreign_change(run: Run, state: EndpointState | None) -> str:
    """What somebody else did to the endpoint; empty where it is as the log leaves it."""
    terms, step = run.terms, run.present
    if run.ending is not None and run.ending.outcome == "aborted" and (state is None or state.status == "Deleting"):
        return ""  # `headgate down` aborts, then deletes: nothing is left to go back on
    if state is None:
        expected = not terms.config_before and isinstance(step, Approve | Promote)
        return "" if expected else f"Somebody else deleted {terms.subject}."
    if state.status == "Deleting":
        return f"Somebody else is deleting {terms.subject}."
    allowed = _allowed(run)
    if state.config_name and state.config_name not in allowed and state.settled:
        return (
            f"Somebody else changed {terms.subject}: it is on config {state.config_name}; this rollout left "
            f"it on {' or '.join(sorted(allowed))}. It was left as it is."
        )
    percent = canary_percent(state)
    weights = _allowed_weights(run)
    if state.config_name == terms.canary_config and state.settled and not any(near(percent, w) for w in weights):
        return (
            f"Somebody else changed the weights of {terms.subject}: the canary has {percent or 0:g} %; this "
            f"rollout left it at {' or '.join(f'{w:g}' for w in sorted(weights))} %. It was left as it is."
        )
    return ""


def _allowed(run: Run) -> set[str]:
    """The configs on which the endpoint may be now."""
    terms, step = run.terms, run.present
    if run.ending is not None or terms.kind == "rollback":
        return {terms.config_before, terms.canary_config, terms.final_config} - {""}
    if step is None:
        return {terms.final_config}
    if isinstance(step, Approve):
        return {terms.config_before} - {""}
    started = any(isinstance(done, Start) for done in terms.steps[: run.step])
    found = {terms.canary_config if started else terms.config_before}
    if run.begun and isinstance(step, Start):
        found.add(terms.canary_config)
    if run.begun and isinstance(step, Promote):
        found.add(terms.final_config)
    return found - {""}


def _allowed_weights(run: Run) -> set[float]:
    """The canary's percentages that the endpoint may have now."""
    steps = run.terms.steps
    past = [step.weight for step in steps[: run.step] if isinstance(step, Shift)]
    found = {past[-1] if past else 0.0}
    if run.ending is not None:
        found.add(0.0)
    if run.begun and isinstance(run.present, Shift):
        found.add(run.present.weight)
    return found


def near(percent: float | None, wanted: float) -> bool:
    """Whether a canary has the percentage that is wanted for it."""
    return percent is not None and abs(percent - wanted) < 0.001
