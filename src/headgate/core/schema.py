"""The input schema of a model: which features it takes, in which order, and what it answers.

Written by packaging into `schema.json`, read by the serving runtime, which validates every request against it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from headgate.errors import InvalidInput

Task = Literal["classification", "regression"]
Kind = Literal["number", "integer", "string", "boolean"]

KINDS: tuple[Kind, ...] = ("number", "integer", "string", "boolean")
TASKS: tuple[Task, ...] = ("classification", "regression")

T = TypeVar("T", bound=str)


@dataclass(frozen=True, slots=True)
class Feature:
    """One input column. `nullable`: a missing value (JSON null, empty CSV field) is accepted."""

    name: str
    kind: Kind = "number"
    nullable: bool = False


@dataclass(frozen=True, slots=True)
class InputSchema:
    """What a model takes and answers. `labels` are a classifier's classes in the order of its probabilities."""

    task: Task
    target: str
    features: tuple[Feature, ...]
    labels: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """A JSON document; `from_json` reads it back."""
        return {
            "format": 1,
            "task": self.task,
            "target": self.target,
            "features": [{"name": f.name, "kind": f.kind, "nullable": f.nullable} for f in self.features],
            "labels": list(self.labels),
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "InputSchema":
        """Read a schema document. Raises InvalidInput naming the first thing that is wrong."""
        try:
            if document["format"] != 1:
                raise InvalidInput(
                    f"schema.json has format {document['format']!r}; this Headgate reads format 1.",
                    hint="Package the model again with this version, or install the version that packaged it.",
                )
            features = tuple(
                Feature(str(f["name"]), _one_of(f["kind"], KINDS), bool(f.get("nullable", False)))
                for f in document["features"]
            )
            task = _one_of(document["task"], TASKS)
            return cls(task, str(document["target"]), features, tuple(str(x) for x in document.get("labels", ())))
        except (KeyError, TypeError, AttributeError) as error:
            raise InvalidInput(
                f"schema.json is not an input schema: {error!r}.", hint="Package the model again."
            ) from None


def _one_of(value: Any, allowed: tuple[T, ...]) -> T:
    for item in allowed:
        if value == item:
            return item
    raise InvalidInput(
        f"schema.json: expected one of {', '.join(allowed)}, got {value!r}.", hint="Package the model again."
    )
