"""The `serving` section: how strict the packaged model is with requests, and what its answers carry.

It is packaged with the model, so that a package answers alike wherever it runs.
"""

from typing import Literal

from pydantic import Field

from headgate.core.schema import Policy
from headgate.spec.section import Section

USUAL = Policy()


class Serving(Section):
    """How requests are taken and answered."""

    extra_features: Literal["refuse", "ignore"] = Field(
        default=USUAL.extra, description="What becomes of fields of a request that are no features."
    )
    nan: Literal["refuse", "missing"] = Field(
        default=USUAL.nan,
        description="Whether NaN is an error or a missing value, which in turn is an error where the feature had none "
        "in training. In CSV it is a missing value, as are `NA`, `null` and `None`. Infinity is always an error.",
    )
    echo: bool = Field(
        default=USUAL.echo,
        description="Whether JSON answers carry `request`, the rows as they were understood, for debugging.",
    )
    probabilities: bool = Field(
        default=USUAL.probabilities,
        description="Whether a classifier's answers carry the probabilities of all classes. A caller can also ask: "
        "`Accept: application/json; probabilities=true`.",
    )
    max_rows: int = Field(default=USUAL.max_rows, ge=1, le=1_000_000, description="The most rows of one request.")
    batch: int = Field(
        default=USUAL.batch,
        ge=1,
        le=1024,
        description="How many waiting requests the `predict_fn` of `package/code` takes in one call.",
    )

    def policy(self) -> Policy:
        """The same in the words of the input schema."""
        return Policy(self.extra_features, self.nan, self.echo, self.probabilities, self.max_rows, self.batch)
