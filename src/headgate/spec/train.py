"""The `train` section: one of several recipes, each with parameters of its own.

    xgboost             tables of numbers and categories, by XGBoost (the default)
    gradient-boosting   numeric tables with missing values, by scikit-learn
    text                texts, by TF-IDF and logistic regression

The recipe says which keys there are: what one of them knows is an unknown key in another.
"""

from difflib import get_close_matches
from typing import Annotated, Literal

from pydantic import Discriminator, Field, Tag, TypeAdapter

from headgate.spec.gates import Metric
from headgate.spec.rollout import Bake
from headgate.spec.section import Section

RECIPES = ("xgboost", "gradient-boosting", "text")

Seed = Annotated[
    int,
    Field(
        ge=0,
        le=2**31 - 1,
        description="Equal seeds, data and parameters: equal models, unless the timeout ended a search.",
    ),
]
Strength = Annotated[float, Field(gt=0, le=1e6)]


class Params(Section):
    """XGBoost's parameters, under XGBoost's names."""

    n_estimators: int = Field(default=200, ge=1, le=10_000, description="Boosting rounds.")
    max_depth: int = Field(default=4, ge=1, le=32, description="The depth of a tree.")
    learning_rate: float = Field(default=0.1, gt=0, le=1, description="How much of each tree is added.")
    subsample: float = Field(default=1.0, gt=0, le=1, description="The share of rows that each tree sees.")
    colsample_bytree: float = Field(default=1.0, gt=0, le=1, description="The share of columns that each tree sees.")
    min_child_weight: float = Field(default=1.0, ge=0, description="The least weight (second derivatives) of a leaf.")
    gamma: float = Field(default=0.0, ge=0, description="The least gain for which a leaf is split.")
    reg_lambda: float = Field(default=1.0, ge=0, description="L2 penalty on leaf values.")
    reg_alpha: float = Field(default=0.0, ge=0, description="L1 penalty on leaf values.")


class Search(Section):
    """Optuna looks for better parameters than `params`, on folds of the rows to learn from.

    `params` are the first trial. The others look around them: `n_estimators` from a quarter to twice as many,
    `learning_rate` 0.01 to 0.3, `max_depth` 2 to 8, `subsample` and `colsample_bytree` 0.5 to 1, `min_child_weight` and
    `reg_lambda` 0 to 10; a range is widened where `params` are outside of it. The rest stays as it is. A search that is
    stopped goes on with the next `headgate train`. One that ends by the timeout depends on how fast the machine is.
    """

    trials: int = Field(default=40, ge=1, le=10_000, description="How many sets of parameters to try at most.")
    timeout: Bake = Field(
        default=300.0, json_schema_extra={"default": "5m"}, description="How long at most in all, such as `5m`."
    )
    metric: Metric | None = Field(
        default=None, description="What to improve. Default: log_loss for classification, rmse for regression."
    )
    folds: int = Field(default=3, ge=2, le=10, description="How many parts the rows are divided into for it.")


class GradientBoostingParams(Section):
    """scikit-learn's parameters, under scikit-learn's names."""

    n_estimators: int = Field(default=100, ge=1, le=10_000, description="Boosting rounds.")
    max_depth: int = Field(default=3, ge=1, le=32, description="The depth of a tree.")
    learning_rate: float = Field(default=0.1, gt=0, le=1, description="How much of each tree is added.")
    subsample: float = Field(default=1.0, gt=0, le=1, description="The share of rows that each tree sees.")
    min_samples_leaf: int = Field(default=1, ge=1, le=1_000_000, description="The fewest rows of a leaf.")


class TextParams(Section):
    """Which terms count, and how much the weights are held back."""

    ngram_max: int = Field(
        default=2, ge=1, le=3, description="The longest run of words that is a term: 2 takes pairs besides words."
    )
    min_df: int = Field(default=2, ge=1, le=1_000_000, description="In how many texts a term must be to count.")
    max_features: int = Field(
        default=50_000, ge=1, le=1_000_000, description="At most so many terms: the most frequent ones."
    )
    sublinear: bool = Field(
        default=True, description="Whether a term counts 1 + log of how often it is in a text, and not how often."
    )
    C: list[Strength] = Field(
        default=[1.0, 3.0, 10.0, 30.0, 100.0],
        min_length=1,
        max_length=50,
        description="How far the weights may go, 0 to 1,000,000: small values are simpler models. Of several, the one "
        "with the least log_loss on folds of the rows to learn from is taken.",
    )
    folds: int = Field(default=3, ge=2, le=10, description="How many parts the rows are divided into to choose C.")


class XGBoost(Section):
    """Gradient-boosted trees over numbers and categories, by XGBoost."""

    recipe: Literal["xgboost"] = Field(
        default="xgboost",
        description="Gradient-boosted trees by XGBoost. `gradient-boosting` and `text` have other keys, see below.",
    )
    params: Params = Field(default=Params(), description="The recipe's parameters.")
    search: Search | None = Field(default=None, description="Look for better parameters. Default: `params` are taken.")
    seed: Seed = 7


class GradientBoosting(Section):
    """Gradient-boosted trees over numbers, by scikit-learn. The median stands in for missing values, requests' too."""

    recipe: Literal["gradient-boosting"] = Field(
        description="Gradient-boosted trees by scikit-learn, behind an imputer."
    )
    params: GradientBoostingParams = Field(default=GradientBoostingParams(), description="The recipe's parameters.")
    seed: Seed = 7


class Text(Section):
    """Classes of texts, by TF-IDF over words and runs of words, and logistic regression."""

    recipe: Literal["text"] = Field(description="TF-IDF and logistic regression.")
    params: TextParams = Field(default=TextParams(), description="The recipe's parameters.")
    seed: Seed = 7


def _tag(value: object) -> str:
    """The recipe that is meant: what is unknown is taken for the nearest, whose messages then say so."""
    recipe = value.get("recipe", "xgboost") if isinstance(value, dict) else getattr(value, "recipe", "xgboost")
    close = get_close_matches(recipe, RECIPES, 1) if isinstance(recipe, str) else ()
    return close[0] if close else "xgboost"


Train = Annotated[
    Annotated[XGBoost, Tag("xgboost")]
    | Annotated[GradientBoosting, Tag("gradient-boosting")]
    | Annotated[Text, Tag("text")],
    Discriminator(_tag),
]
TRAIN: TypeAdapter[XGBoost | GradientBoosting | Text] = TypeAdapter(Train)
