"""Amazon Resource Names of what the engine hosts: `arn:aws:sagemaker:<region>:<account>:<kind>/<name>`."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Arns:
    """Makes and reads ARNs of one account and region."""

    account: str
    region: str

    @property
    def prefix(self) -> str:
        """What every ARN of this engine starts with."""
        return f"arn:aws:sagemaker:{self.region}:{self.account}:"

    def of(self, kind: str, name: str) -> str:
        """The ARN of a resource. An endpoint's is in lower case, as on AWS."""
        return f"{self.prefix}{kind}/{name.lower() if kind == 'endpoint' else name}"

    def name(self, kind: str, reference: str) -> str | None:
        """The name in a reference that is a name already or an ARN; None for an ARN of another kind or place."""
        if not reference.startswith("arn:"):
            return reference
        start = f"{self.prefix}{kind}/"
        return reference.removeprefix(start) if reference.startswith(start) else None
