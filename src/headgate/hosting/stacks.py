"""CloudFormation's stacks: which there are, and whose. The CDK's command line makes them, `removal` deletes them."""

from headgate.core.stacks import StackState
from headgate.errors import NotFound
from headgate.hosting.session import Account, domain_errors


def find_stack(account: Account, name: str) -> StackState | None:
    """A stack by its name, or by its ARN, which finds a deleted one as well; None where there is none."""
    cloudformation = account.client("cloudformation", attempts=5)
    try:
        with domain_errors():
            (body,) = cloudformation.describe_stacks(StackName=name)["Stacks"]
    except NotFound:
        return None
    return StackState(
        body["StackName"],
        body["StackId"],
        body["StackStatus"],
        body.get("StackStatusReason", ""),
        {tag["Key"]: tag["Value"] for tag in body.get("Tags", ())},
        frozenset(parameter["ParameterKey"] for parameter in body.get("Parameters", ())),
    )
