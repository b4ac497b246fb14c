"""The keys of headgate.yaml, version 1. A key stands here only once it works.

The models are the one source: the loader, the messages, `docs/spec.md` and the JSON schema all come from them. Rules
that span several keys stand in `crossed`, which looks at the raw document, so that they are reported together with
everything else and not only after the single keys are right.
"""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, StringConstraints, WithJsonSchema
from pydantic_core import PydanticCustomError

from headgate.core import routes
from headgate.core.digest import digest_json
from headgate.core.schema import Task
from headgate.spec import rollout
from headgate.spec.capture import Capture
from headgate.spec.columns import columns_crossed
from headgate.spec.gates import METRICS, Gates
from headgate.spec.hosting import Account, Alarms, Front, Hosting, Realtime, Region
from headgate.spec.rollout import Canary, Phase
from headgate.spec.section import Section
from headgate.spec.serving import Serving
from headgate.spec.train import Train, XGBoost

BUNDLED: dict[str, Task] = {
    "breast_cancer": "classification",
    "diabetes": "regression",
    "digits": "classification",
    "iris": "classification",
    "wine": "classification",
}
"""scikit-learn's data sets that need no network, and the task each is made for."""

NEWSGROUPS = "20newsgroups"
"""A data set of texts that scikit-learn downloads."""

SKLEARN: dict[str, Task] = {NEWSGROUPS: "classification", **BUNDLED}

Source = Annotated[
    str, StringConstraints(pattern=rf"^(sklearn:({'|'.join(SKLEARN)})|[^:\x00-\x1f]*[^:/\x00-\x1f]\.(csv|CSV))$")
]
ProjectName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$", max_length=32)]
EnvironmentName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$", max_length=20)]
ColumnName = Annotated[str, StringConstraints(min_length=1, max_length=256)]
FolderName = Annotated[str, StringConstraints(pattern=r"^[^:\x00-\x1f]+$")]


def route(value: str) -> str:
    """A path of the project's own at the gateway. Raises PydanticCustomError."""
    if problem := routes.refusal(value):
        raise PydanticCustomError("route", problem)
    return value


_RouteText = WithJsonSchema({"type": "string", "pattern": routes.PATTERN, "maxLength": routes.LONGEST})
Route = Annotated[str, AfterValidator(route), _RouteText]


def tag(value: str) -> str:
    """The name of a tag of the user's own. Raises PydanticCustomError."""
    if value.lower().startswith(("aws:", "headgate:")):
        raise PydanticCustomError("tag", "should not begin with aws: or headgate:, which say what others rely on")
    return value


TagName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9 _.:/=+@-]{0,127}$"), AfterValidator(tag)]
TagValue = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9 _.:/=+@-]{0,256}$")]
InstanceType = Annotated[str, StringConstraints(pattern=r"^ml\.[a-z0-9-]+\.[a-z0-9]+$")]


EXAMPLE_REPOSITORY = "you/your-repository"
"""What the templates say until somebody writes theirs. It may be a stranger's, whom no account should trust."""


class Split(Section):
    """How the rows are divided into those to learn from and those to be judged by."""

    test: float = Field(default=0.2, gt=0, lt=1, description="The share of rows held out, between 0 and 1.")
    seed: int = Field(default=7, ge=0, le=2**31 - 1, description="Equal seeds hold out equal rows.")
    stratify: bool | None = Field(
        default=None,
        description="Hold out the same share of every class. Default: true for classification; regression has none.",
    )


class Data(Section):
    """The rows to learn from."""

    source: Source = Field(
        description="A CSV file, relative to this file, or one of scikit-learn's data sets: "
        + ", ".join(f"`sklearn:{name}`" for name in SKLEARN)
        + f". `sklearn:{NEWSGROUPS}`, texts, is downloaded once and kept in the store."
    )
    target: ColumnName = Field(
        description="The column to predict. For a scikit-learn data set, the name to give to what it predicts."
    )
    features: list[ColumnName] | None = Field(
        default=None,
        min_length=1,
        description="The columns to learn from: numbers, or at most 100 categories of text. Default: all but the "
        "target. With the recipe `text`, the one column that holds the text, which requests then name; default: "
        "`text`.",
    )
    text: list[ColumnName] | None = Field(
        default=None,
        min_length=1,
        description="With the recipe `text`: several columns, joined by a space, in place of `features`. Requests have "
        "one field, `text`.",
    )
    columns: list[ColumnName] | None = Field(
        default=None, min_length=2, description="Names of all columns of a CSV file that has no header line."
    )
    labels: dict[ColumnName, ColumnName] | None = Field(
        default=None,
        min_length=1,
        description='Names of the classes, by what stands in the file, such as `{"1": World, "2": Sports}`. Default: '
        "what stands there is the name.",
    )
    split: Split = Field(default=Split(), description="How rows are held out.")


class Package(Section):
    """What goes into the package beside the model."""

    code: FolderName | None = Field(
        default=None,
        description="A folder, relative to this file, whose `inference.py` answers requests in place of the built-in "
        "server: `model_fn(model_dir)`, and `predict_fn(data, model)` or `transform_fn`. `requirements.txt` in it "
        "says what it needs. Packaged as `code/`.",
    )


class Instances(Section):
    """How many model servers, and of which kind."""

    count: int = Field(default=1, ge=1, le=100, description="The number of instances; locally each is one process.")
    type: InstanceType = Field(
        default="ml.m5.large", description="The SageMaker instance type; it has no effect locally."
    )


class Environment(Section):
    """One place that the project is deployed to."""

    target: Literal["local", "aws"] = Field(
        default="local", description="Where: `local` is the engine on this machine, `aws` an account."
    )
    account: Account | None = Field(default=None, description="The AWS account's 12 digits, in quotes.")
    region: Region | None = Field(default=None, description="The AWS region, such as `eu-central-1`.")
    instances: Instances = Field(default=Instances(), description="How many model servers.")
    rollout: list[Phase] = Field(
        default=[Phase(canary=Canary())],
        min_length=1,
        description="The phases that a new version goes through, in order. Default: one `canary` with its defaults.",
    )
    capture: Capture | None = Field(
        default=None, description="Requests and answers kept for monitoring. Default: none are."
    )
    hosting: Hosting = Field(default=Hosting(realtime=Realtime()), description="What answers on AWS.")
    front: Front | None = Field(
        default=None, description="API Gateway in front of the model on AWS. Default: none; callers use AWS's own API."
    )
    alarms: Alarms = Field(default=Alarms(), description="What wakes somebody up on AWS.")
    tags: dict[TagName, TagValue] = Field(
        default={},
        max_length=20,
        description="Tags of everything on AWS, and of endpoints, their configs and models everywhere, for cost and "
        'owner, such as `{owner: ml-team, cost-center: "17"}`.',
    )


class GitHub(Section):
    """The repository whose workflows deliver the project."""

    repository: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9-]{1,39}/[A-Za-z0-9._-]{1,100}$")] = Field(
        description="`owner/name`."
    )
    branch: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._/-]{1,100}$")] = Field(
        default="main", description="What is merged here is delivered."
    )
    schedule: Annotated[str, StringConstraints(pattern=r"^[0-9*,/ -]{9,40}$")] | None = Field(
        default=None, description="When to train again whatever changed, as cron says it, in UTC: `0 3 * * 1`."
    )
    owner_id: int | None = Field(
        default=None,
        ge=1,
        description="With `repository_id`, for repositories made or renamed since July 2026: GitHub names them so in "
        "its tokens. `gh api repos/OWNER/NAME --jq '.owner.id, .id'` prints both.",
    )
    repository_id: int | None = Field(default=None, ge=1, description="See `owner_id`.")


class Spec(Section):
    """One model project."""

    project: ProjectName = Field(
        description="The project's name: small letters, digits and single hyphens, at most 32 characters."
    )
    task: Task = Field(description="`classification` predicts one of several classes, `regression` a number.")
    data: Data = Field(description="The rows to learn from.")
    train: Train = Field(default=XGBoost(), description="How the model is made.")
    gates: Gates = Field(default=Gates(), description="What a candidate must reach on the held-out rows.")
    package: Package = Field(default=Package(), description="What goes into the package beside the model.")
    serving: Serving = Field(default=Serving(), description="How requests are taken and answered.")
    route: Route | None = Field(
        default=None,
        description="A path of the project's own at the gateway that callers POST to, such as "
        "`/predict-student-score`, besides `/endpoints/<project>-<environment>/invocations`.",
    )
    github: GitHub | None = Field(default=None, description="The repository whose workflows deliver the project.")
    environments: dict[EnvironmentName, Environment] = Field(
        default={"production": Environment()},
        min_length=1,
        description="Where the project is deployed to, by name (small letters, digits and single hyphens, at most 20 "
        "characters).",
    )
    store: FolderName = Field(
        default=".headgate", description="The folder for runs and packages, relative to this file."
    )

    @property
    def stratify(self) -> bool:
        """Whether the rows are held out by class."""
        wanted = self.data.split.stratify
        return self.task == "classification" if wanted is None else wanted

    @property
    def delivered(self) -> list[str]:
        """The environments on AWS in the order of delivery: production comes last."""
        names = [name for name, environment in self.environments.items() if environment.target == "aws"]
        return sorted(names, key=lambda name: name == "production")

    @property
    def digest(self) -> str:
        """Equal for specs that say the same, defaults included, however they are written."""
        return digest_json(self.model_dump(mode="json"))


def crossed(document: dict[str, Any]) -> list[str]:
    """The problems of keys that do not fit one another, one line each. The document may be wrong anywhere."""
    task, data = document.get("task"), _mapping(document, "data")
    problems: list[str] = []
    for name, environment in _mapping(document, "environments").items():
        if isinstance(environment, dict):
            problems += rollout.crossed(f"environments/{name}/rollout", environment.get("rollout"))
            lacking = [key for key in ("account", "region") if environment.get(key) is None]
            if environment.get("target") == "aws" and lacking:
                problems.append(f"environments/{name}: target aws needs {' and '.join(lacking)}")
    github = _mapping(document, "github")
    if len({"owner_id", "repository_id"} & github.keys()) == 1:
        problems.append("github: owner_id and repository_id go together; give both, or neither")
    problems += columns_crossed(data, _mapping(document, "train").get("recipe", "xgboost"))
    if task not in ("classification", "regression"):
        return problems
    if task == "regression" and _mapping(data, "split").get("stratify") is True:
        problems.append("data/split/stratify: regression has no classes to stratify by; leave it out")
    made_for = SKLEARN.get(str(data.get("source")).removeprefix("sklearn:"))
    if made_for is not None and made_for != task:
        problems.append(f"task: {data['source']} is made for {made_for}, got {task}")
    return problems + _task_crossed(document, task)


def _task_crossed(document: dict[str, Any], task: Task) -> list[str]:
    """What does not fit the task: a recipe, names of classes, metrics wherever one is named."""
    gates, train = _mapping(document, "gates"), _mapping(document, "train")
    problems: list[str] = []
    if task == "regression" and train.get("recipe") == "text":
        problems.append("train/recipe: text predicts classes, not numbers; set `task: classification`")
    if task == "regression" and _mapping(document, "data").get("labels") is not None:
        problems.append("data/labels: regression has no classes to name; leave it out")
    foreign = {name for names in METRICS.values() for name in names} - set(METRICS[task])
    has = f"it has {', '.join(METRICS[task])}"
    problems += [f"gates/{name}: not a metric of {task}; {has}" for name in gates if name in foreign]
    for where in ("gates/champion", "gates/naive", "train/search"):
        section, _, key = where.partition("/")
        metric = _mapping(_mapping(document, section), key).get("metric")
        if isinstance(metric, str) and metric in foreign:
            problems.append(f"{where}/metric: {metric} is not a metric of {task}; {has}")
    return problems


def _mapping(document: dict[str, Any], key: str) -> dict[str, Any]:
    found = document.get(key)
    return found if isinstance(found, dict) else {}
