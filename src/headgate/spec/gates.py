"""The `gates` section: the metrics that a candidate must reach.

A metric of which more is better takes `min`, one of which less is better takes `max`, and neither takes the other: a
comparison the wrong way round cannot be written down.
"""

from typing import Literal

from pydantic import Field

from headgate.core.schema import Task
from headgate.spec.section import Section

Metric = Literal["accuracy", "f1_macro", "log_loss", "rmse", "mae", "mse", "r2"]

METRICS: dict[Task, tuple[Metric, ...]] = {
    "classification": ("accuracy", "f1_macro", "log_loss"),
    "regression": ("rmse", "mae", "mse", "r2"),
}
"""The metrics that are computed for each task."""


def higher_is_better(metric: str) -> bool:
    """Whether more of `metric` is better."""
    return metric in ("accuracy", "f1_macro", "r2")


class ShareFloor(Section):
    """For a metric between 0 and 1 of which more is better."""

    min: float = Field(ge=0, le=1, description="The smallest value that passes, between 0 and 1.")


class Floor(Section):
    """For a metric of which more is better."""

    min: float = Field(le=1, description="The smallest value that passes; 1 is perfect.")


class Ceiling(Section):
    """For a metric of which less is better."""

    max: float = Field(ge=0, description="The largest value that passes.")


class Champion(Section):
    """The comparison with the version that is in force."""

    metric: Metric = Field(description="The metric that is compared.")
    not_worse_than: float = Field(
        default=0.0, ge=0, description="By how much the candidate may be worse than the version in force."
    )


class Naive(Section):
    """The comparison with always giving the same answer: the most frequent class (the majority), or the mean."""

    metric: Metric = Field(description="The metric that is compared.")
    better_by: float = Field(
        default=0.0, ge=0, description="By how much the candidate must at least be better than that."
    )


class Gates(Section):
    """What a candidate must reach on the held-out rows. Metrics must fit the task."""

    accuracy: ShareFloor | None = Field(default=None, description="Classification: share of rows answered right.")
    f1_macro: ShareFloor | None = Field(
        default=None, description="Classification: mean over the classes of the F1 score."
    )
    log_loss: Ceiling | None = Field(
        default=None, description="Classification: mean of -log(probability given to the true class), in nats."
    )
    rmse: Ceiling | None = Field(
        default=None, description="Regression: root of the mean squared error, in the target's unit."
    )
    mae: Ceiling | None = Field(default=None, description="Regression: mean absolute error, in the target's unit.")
    mse: Ceiling | None = Field(
        default=None, description="Regression: mean squared error, in the target's unit squared."
    )
    r2: Floor | None = Field(default=None, description="Regression: share of the variance that is explained.")
    champion: Champion | None = Field(
        default=None, description="Not worse than the version in force; passes while there is none."
    )

    naive: Naive | None = Field(
        default=None,
        description="Better than always giving the same answer: the most frequent class (the majority), or the mean.",
    )

    def bounds(self) -> dict[str, ShareFloor | Floor | Ceiling]:
        """The metrics that have a rule of their own, in the order of the reference."""
        every = {name: getattr(self, name) for names in METRICS.values() for name in names}
        return {name: bound for name, bound in every.items() if bound is not None}
