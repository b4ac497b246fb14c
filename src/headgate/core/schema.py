"""The input schema of a model: which features it takes, in which order, what it answers, and how strict it is.

Written by packaging into `schema.json`, read by the serving runtime, which validates every request against it. What a
document does not say has its default, and what has its default is not written: a schema that needs nothing new is the
same file as ever.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal, TypeVar

from headgate.errors import InvalidInput

Task = Literal["classification", "regression"]
Kind = Literal["number", "integer", "string", "boolean"]

KINDS: tuple[Kind, ...] = ("number", "integer", "string", "boolean")
TASKS: tuple[Task, ...] = ("classification", "regression")

T = TypeVar("T", bound=str)


@dataclass(frozen=True, slots=True)
class Feature:
    """One input column. `nullable`: a missing value (JSON null, empty CSV field) is accepted.

    `categories`: all that a string feature may be; empty for free text.
    """

    name: str
    kind: Kind = "number"
    nullable: bool = False
    categories: tuple[str, ...] = ()

    @property
    def truths(self) -> dict[bool, str]:
        """The texts for true and false, where these two are all the categories, however they are written: a column of
        booleans is text in a CSV file, and callers have them as JSON's."""
        texts = {category.lower(): category for category in self.categories}
        found = len(self.categories) == 2 and texts.keys() == {"true", "false"}
        return {True: texts["true"], False: texts["false"]} if found else {}


@dataclass(frozen=True, slots=True)
class Policy:
    """How requests are taken and answered."""

    extra: Literal["refuse", "ignore"] = "refuse"
    """What becomes of fields that are no features."""
    nan: Literal["refuse", "missing"] = "refuse"
    """Whether NaN is an error or a missing value. In CSV it is a missing value. Infinity is always an error."""
    echo: bool = False
    """Whether JSON answers carry the rows as they were understood."""
    probabilities: bool = False
    """Whether a classifier's answers carry the probabilities of all classes, also where nobody asks."""
    max_rows: int = 100_000
    """The most rows of one request."""
    batch: int = 1
    """How many requests the user's code takes in one call of predict_fn."""


@dataclass(frozen=True, slots=True)
class InputSchema:
    """What a model takes and answers. `labels` are a classifier's classes in the order of its probabilities."""

    task: Task
    target: str
    features: tuple[Feature, ...]
    labels: tuple[str, ...] = ()
    policy: Policy = Policy()

    def to_json(self) -> dict[str, Any]:
        """A JSON document; `from_json` reads it back."""
        usual = Policy()
        policy = {f.name: getattr(self.policy, f.name) for f in fields(Policy)}
        said = {name: value for name, value in policy.items() if value != getattr(usual, name)}
        return {
            "format": 1,
            "task": self.task,
            "target": self.target,
            "features": [_feature_document(feature) for feature in self.features],
            "labels": list(self.labels),
        } | ({"policy": said} if said else {})

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "InputSchema":
        """Read a schema document. Raises InvalidInput naming the first thing that is wrong."""
        try:
            if document["format"] != 1:
                raise InvalidInput(
                    f"schema.json has format {document['format']!r}; this Headgate reads format 1.",
                    hint="Package the model again with this version, or install the version that packaged it.",
                )
            return cls(
                _one_of(document["task"], TASKS),
                str(document["target"]),
                _read_features(document["features"]),
                tuple(str(label) for label in document.get("labels", ())),
                _read_policy(document.get("policy", {})),
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise _wrong(f"it is not an input schema: {error!r}") from None


def _feature_document(feature: Feature) -> dict[str, Any]:
    document = {"name": feature.name, "kind": feature.kind, "nullable": feature.nullable}
    return document | ({"categories": list(feature.categories)} if feature.categories else {})


def _read_features(documents: Any) -> tuple[Feature, ...]:
    features = tuple(
        Feature(
            str(f["name"]),
            _one_of(f["kind"], KINDS),
            bool(f.get("nullable", False)),
            tuple(_text(category) for category in f.get("categories", ())),
        )
        for f in documents
    )
    names = {feature.name for feature in features}
    if not features or len(names) < len(features):
        raise _wrong("features should be there, each with a name of its own")
    for feature in features:
        if feature.categories and feature.kind != "string":
            raise _wrong(f"only string features have categories; {feature.name!r} is of kind {feature.kind}")
    return features


def _read_policy(document: Mapping[str, Any]) -> Policy:
    usual = Policy()
    found = {f.name: document.get(f.name, getattr(usual, f.name)) for f in fields(Policy)}
    unknown = set(document) - set(found)
    if unknown:
        raise _wrong(f"policy has a key that this Headgate does not know: {min(unknown)!r}")
    _one_of(found["extra"], ("refuse", "ignore"))
    _one_of(found["nan"], ("refuse", "missing"))
    for name in ("echo", "probabilities"):
        if not isinstance(found[name], bool):
            raise _wrong(f"policy/{name} should be true or false, got {found[name]!r}")
    for name in ("max_rows", "batch"):
        if not isinstance(found[name], int) or isinstance(found[name], bool) or found[name] < 1:
            raise _wrong(f"policy/{name} should be a whole number of at least 1, got {found[name]!r}")
    return Policy(**found)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise _wrong(f"categories should be text, got {value!r}")
    return value


def _one_of(value: Any, allowed: tuple[T, ...]) -> T:
    for item in allowed:
        if value == item:
            return item
    raise _wrong(f"expected one of {', '.join(allowed)}, got {value!r}")


def _wrong(what: str) -> InvalidInput:
    return InvalidInput(f"schema.json: {what}.", hint="Package the model again.")
