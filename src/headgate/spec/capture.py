"""The `capture` section of an environment: which requests and answers are kept, and where."""

import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, PlainSerializer, PlainValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from headgate.spec.rollout import PERCENTAGE
from headgate.spec.section import Section

FOLDER = "capture"
"""In the project's store."""

DESTINATION = r"^(s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[^\x00-\x1f]*)?|[^:\x00-\x1f]+)$"
NAME = r"^[^,\x00-\x1f]{1,256}$"


def _percent(value: object) -> float:
    if not isinstance(value, str) or not re.fullmatch(PERCENTAGE, value, re.ASCII) or float(value[:-1]) > 100:
        raise PydanticCustomError("percent", "should be a percentage such as 5% or 100%, of at most two decimals")
    return float(value[:-1])


def _destination(value: object) -> str:
    if not isinstance(value, str) or not re.fullmatch(DESTINATION[1:-1], value):
        raise PydanticCustomError("destination", "should be a folder or s3://bucket/prefix")
    return value


def _name(value: object) -> str:
    if not isinstance(value, str) or not re.fullmatch(NAME[1:-1], value):
        raise PydanticCustomError("name", "should be the name of a feature, without commas")
    return value


Share = Annotated[
    float,
    PlainValidator(_percent),
    PlainSerializer(lambda share: f"{share:.9g}%", return_type=str),
    WithJsonSchema({"type": "string", "pattern": PERCENTAGE}),
]
Destination = Annotated[str, PlainValidator(_destination), WithJsonSchema({"type": "string", "pattern": DESTINATION})]
Name = Annotated[str, PlainValidator(_name), WithJsonSchema({"type": "string", "pattern": NAME})]


class Capture(Section):
    """Requests and answers kept for monitoring, in SageMaker's form; `{}` keeps all of them."""

    sampling: Share = Field(
        default=100.0,
        json_schema_extra={"default": "100%"},
        description="The share of the requests that is kept, such as `5%` or `100%`.",
    )
    mode: Literal["InputAndOutput", "Input", "Output"] = Field(default="InputAndOutput", description="What is kept.")
    redact: list[Name] = Field(
        default=[], description="Features whose values are not kept; `[redacted]` stands in their place."
    )
    to: Destination | None = Field(
        default=None,
        description="Where: a folder, relative to this file, or `s3://bucket/prefix`. Default: `capture/` in the "
        "project's store. Below it come endpoint, variant and the hour.",
    )

    def variables(self, root: Path, store: Path) -> dict[str, str]:
        """The environment variables that tell a model server. `root`: the folder that relative ones start from."""
        if self.to is not None and self.to.startswith("s3://"):
            to = self.to
        else:
            to = str(store / FOLDER if self.to is None else root / self.to)
        said = {
            "HEADGATE_CAPTURE": to,
            "HEADGATE_CAPTURE_SAMPLING": f"{self.sampling:.9g}",
            "HEADGATE_CAPTURE_MODE": self.mode,
            "HEADGATE_CAPTURE_REDACT": ",".join(self.redact),
        }
        return {name: value for name, value in said.items() if value}
