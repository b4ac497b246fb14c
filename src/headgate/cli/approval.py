"""What `approve` and `reject` have in common: one decision on one version."""

from headgate.cli.command import Call
from headgate.core.versions import ApprovalStatus
from headgate.errors import UsageError

REASON_LIMIT = 1024


def decide(call: Call, number: int, status: ApprovalStatus, reason: str, *, dry_run: bool) -> None:
    """Record the decision and say what changed. Deciding again as before changes nothing but the reason."""
    from headgate.hosting.registry import Registry

    reason = " ".join(reason.split())  # AWS takes one line
    if len(reason) > REASON_LIMIT:
        raise UsageError(f"The reason has {len(reason)} characters; {REASON_LIMIT} is the limit.")
    registry = Registry(call.connect())
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
    next_step = () if status == "Rejected" or dry_run else ("Next: headgate deploy",)
    call.out.show(document, f"Version {number} of {before.project} {said}.", *next_step)
