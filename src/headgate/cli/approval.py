"""What `approve` and `reject` have in common: one decision on one version."""

from typing import TYPE_CHECKING

from headgate.cli.command import Call
from headgate.core.versions import ApprovalStatus
from headgate.errors import UsageError

if TYPE_CHECKING:
    from headgate.pipeline.rollouts import Rollout
    from headgate.wiring.targets import Target

REASON_LIMIT = 1024


def decide(
    call: Call, number: int, status: ApprovalStatus, reason: str, *, environment: str | None, dry_run: bool
) -> None:
    """Record the decision and say what changed. Deciding again as before changes nothing but the reason."""
    from headgate.cli.rollout.shared import who
    from headgate.hosting.registry import Registry

    reason = " ".join(reason.split())  # AWS takes one line
    if len(reason) > REASON_LIMIT:
        raise UsageError(f"The reason has {len(reason)} characters; {REASON_LIMIT} is the limit.")
    registry = Registry(call.registry_target(environment).connection)
    target, waiting = _waiting(call, number, status, environment)
    if waiting is not None and not dry_run:
        run = waiting.tell("approve" if status == "Approved" else "reject", {"reason": reason}, by=who())
        target.told(waiting)
        document = {"project": call.project.name, "version": number, "status": status, "reason": reason}
        call.out.show(
            {**document, "rollout": run.terms.id, "dry_run": False},
            f"Told rollout {run.terms.number} of {run.terms.endpoint}; it carries that to the registry and goes on.",
            "`headgate rollout watch` follows it.",
        )
        return
    before = registry.version(call.project.name, number)
    already = before.status == status
    nothing_new = already and not reason  # an empty reason would erase the one that is kept
    after = before if dry_run or nothing_new else registry.set_status(before, status, reason)
    document = {
        "project": before.project,
        "version": number,
        "before": before.status,
        "status": status,
        "reason": reason,
        "arn": after.arn,
        "dry_run": dry_run,
    }
    would = "would become" if dry_run else "is now"
    said = f"is {status} already" if already else f"was {before.status} and {would} {status}"
    next_step = () if status == "Rejected" or dry_run else (_next(call, environment),)
    call.out.show(document, f"Version {number} of {before.project} {said}.", *next_step)


def _next(call: Call, environment: str | None) -> str:
    """What comes after an approval: on AWS versions are rolled out."""
    known = call.project.spec.environments
    local = [name for name, settings in known.items() if settings.target == "local"]
    if environment in local or (environment is None and local):
        return "Next: headgate deploy"
    return "Next: headgate rollout start" + (f" --env {environment}" if environment else "")


def _waiting(
    call: Call, number: int, status: ApprovalStatus, environment: str | None
) -> "tuple[Target, Rollout | None]":
    """The open rollout of this version that the decision is for: its log takes it, and its tick carries it on.

    Where no environment was named, one on this machine: they share their versions.
    """
    from headgate.rollout.plan import Approve

    known = call.project.spec.environments
    local = [name for name, settings in known.items() if settings.target == "local"]
    for name in [environment] if environment else local or [call.environment(None)]:
        target = call.target(name)
        rollout = target.rollouts.open()
        if rollout is None or rollout.run().terms.version != number:
            continue
        run = rollout.run()
        if run.terms.kind == "rollback":
            continue  # what goes back is not stopped by it
        if status == "Rejected" or run.asked or isinstance(run.present, Approve):
            return target, rollout
    return call.registry_target(environment), None
