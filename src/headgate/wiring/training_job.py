"""A SageMaker training job: `headgate train`, `check` and `package` in one container run, on SageMaker's folders.

    <base>/input/config/hyperparameters.json     parameters of the recipe, values as text; they come before the spec's
    <base>/input/config/inputdataconfig.json     the channels
    <base>/input/config/resourceconfig.json      the hosts; there must be one
    <base>/input/data/project (or config)        headgate.yaml, with the code/ folder and the CSV file that it names
    <base>/input/data/train                      one CSV file, which takes the place of data/source
    <base>/model                                 the package's members, of which SageMaker makes model.tar.gz
    <base>/output/data                           run.json, package.json and gates.json: where the model came from
    <base>/output/failure                        why there is no model

<base> is SAGEMAKER_BASE_DIR (/opt/ml). The members are byte for byte those that `headgate package` archives. A
candidate that fails a gate leaves no model. There is no registry in the container, so that the champion gate has nobody
to compare with here; it is for `headgate check`.

Metrics are lines on stdout, which a metric definition reads: `metric f1_macro=0.9665` by the regular expression
`metric f1_macro=([-+.0-9e]+)`.
"""

import json
import shutil
import sys
import tempfile
import traceback
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from headgate.core.digest import canonical_json
from headgate.core.files import writing
from headgate.core.manifest import MANIFEST_NAME
from headgate.errors import GateFailed, HeadgateError, InvalidInput, MissingExtra, NotFound, Refused, SpecError
from headgate.spec import FILE_NAME, Project, load
from headgate.spec.problems import explain
from headgate.spec.train import TRAIN

PROJECT_CHANNELS = ("project", "config")
TRAIN_CHANNEL = "train"
FAILURE_CHARACTERS = 1024
"""What SageMaker keeps of the failure file."""

HYPERPARAMETERS = "hyperparameters.json"
FOREIGN = ("sagemaker_", "_tuning_objective_metric")
"""Hyperparameters that SageMaker's own tools add."""


def run(environment: Mapping[str, str]) -> int:
    """Do the job; the exit code. What went wrong is told on stderr and in the failure file."""
    base = Path(environment.get("SAGEMAKER_BASE_DIR") or "/opt/ml")
    try:
        do(Job.read(base))
        return 0
    except HeadgateError as error:
        _tell_failure(base, _readable(error.message, error.hint))
        return error.exit_code
    except Exception as error:  # noqa: BLE001 the boundary of the process: SageMaker reads files, not tracebacks
        traceback.print_exc()
        _tell_failure(base, f"Internal error: {type(error).__name__}: {error}")
        return 70


@dataclass(frozen=True, slots=True)
class Job:
    """What is to be trained, and where the results go."""

    project: Project
    model: Path
    records: Path

    @classmethod
    def read(cls, base: Path) -> "Job":
        """The job that SageMaker described below `base`. Raises NotFound, InvalidInput, SpecError, Refused."""
        config = base / "input" / "config"
        hosts = _document(config / "resourceconfig.json").get("hosts", [])
        if len(hosts) > 1:
            raise InvalidInput(f"The job has {len(hosts)} instances; training is done by one.", hint="Ask for one.")
        _check_channels(_document(config / "inputdataconfig.json"))
        channels = base / "input" / "data"
        project = next((channels / name for name in PROJECT_CHANNELS if (channels / name / FILE_NAME).is_file()), None)
        if project is None:
            raise NotFound(
                f"No channel holds a {FILE_NAME}.", hint=f"Give the job a channel `project` with {FILE_NAME} in it."
            )
        model = base / "model"
        if model.is_dir() and any(model.iterdir()):
            raise Refused(f"{model} is not empty.", hint="Start the job in a fresh container.")
        loaded = _with_hyperparameters(load(project), _document(config / HYPERPARAMETERS))
        return cls(_with_rows(loaded, channels / TRAIN_CHANNEL), model, base / "output" / "data")


def do(job: Job) -> None:
    """Train, judge, package, hand over. Raises what these raise, and GateFailed."""
    try:
        from headgate.evaluation import check
        from headgate.packaging import package
        from headgate.training import train
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] == "headgate":
            raise
        raise MissingExtra("Training", "train") from error
    with tempfile.TemporaryDirectory(prefix="headgate-") as scratch:
        project = _with(job.project, store=str(Path(scratch) / "store"))
        trained = train(project, progress=_Told())
        for name, value in trained.record.metrics.items():
            if value is not None:
                _say(f"metric {name}={value:.6g}")
        report = check(trained.record.metrics, project.spec.gates, None, naive=trained.record.naive.get("metrics"))
        for row in report.rows:
            _say(f"gate {row.rule}: {row.verdict}, {row.explanation}")
        _keep(job.records, {"run": asdict(trained.record), "gates": report.to_json()})
        failed = [row.explanation for row in report.rows if not row.passed]
        if failed:
            raise GateFailed(f"The candidate fails a gate: {'; '.join(failed)}.", hint="There is no model of this job.")
        made = package(trained, project, progress=_Told())
        _keep(job.records, {"package": {"package": made.digest, **asdict(made.record)}})
        _hand_over(made.path, Path(scratch) / "members", job.model)
    _say(f"package {made.digest}")


def _document(path: Path) -> dict[str, Any]:
    """A JSON object; {} where there is no such file. Raises InvalidInput."""
    if not path.is_file():
        return {}
    try:
        document = json.loads(path.read_bytes())
        if not isinstance(document, dict):
            raise ValueError("it is no object")
        return document
    except ValueError as error:
        raise InvalidInput(f"{path} cannot be read: {error}.") from None


def _check_channels(described: Mapping[str, Any]) -> None:
    """A channel that nobody reads, or in a form that nobody reads, is a mistake that costs a training."""
    known = (*PROJECT_CHANNELS, TRAIN_CHANNEL)
    for name, channel in described.items():
        if name not in known:
            raise InvalidInput(
                f"The job has a channel {name!r}, which is not used.",
                hint="Channels are `project` (or `config`) and `train`; rows to be judged by are held out of these.",
            )
        if isinstance(channel, dict) and channel.get("TrainingInputMode", "File") == "Pipe":
            raise InvalidInput(f"The channel {name!r} is in Pipe mode.", hint="Use File or FastFile.")


def _with_hyperparameters(project: Project, given: Mapping[str, Any]) -> Project:
    """The project, trained as the job says. Raises SpecError with every problem."""
    train = project.spec.train
    params: dict[str, Any] = {}
    top: dict[str, Any] = {}
    for key, value in given.items():
        if key.startswith(FOREIGN):
            continue
        name = key.removeprefix("train.")
        if name in type(train).model_fields and name != "params":
            top[name] = _value(value)
        else:
            params[name.removeprefix("params.")] = _value(value)
    if top.get("recipe", train.recipe) != train.recipe:  # data, task and parameters in the spec are for its own
        problem = f"recipe: should be {train.recipe}, which {FILE_NAME} says, got {top['recipe']}"
        raise SpecError(f"{HYPERPARAMETERS} is wrong:", [problem])
    try:
        merged = {**train.model_dump(), **top, "params": {**train.params.model_dump(), **params}}
        return _with(project, train=TRAIN.validate_python(merged))
    except ValidationError as error:
        problems = explain(error.errors(include_url=False), TRAIN.json_schema())
        raise SpecError(f"{HYPERPARAMETERS} is wrong:", problems) from None


def _value(text: Any) -> Any:
    """The number that SageMaker made text of; its SDK puts a second pair of quotes around some."""
    try:
        value = json.loads(text) if isinstance(text, str) else text
        return json.loads(value) if isinstance(value, str) else value
    except ValueError:
        return text


def _with_rows(project: Project, channel: Path) -> Project:
    """The project, learning from the file in the channel where there is one."""
    if not channel.is_dir():
        return project
    found = sorted(path for path in channel.iterdir() if not path.name.startswith("."))
    if len(found) != 1 or not found[0].is_file():
        there = ", ".join(path.name for path in found[:5]) or "nothing"
        raise InvalidInput(
            f"The channel `{TRAIN_CHANNEL}` should hold one CSV file with a header line; it holds {there}.",
            hint="Put the rows into one file.",
        )
    return _with(project, data=project.spec.data.model_copy(update={"source": str(found[0].absolute())}))


def _with(project: Project, **sections: Any) -> Project:
    return replace(project, spec=project.spec.model_copy(update=sections))


def _hand_over(archive: Path, scratch: Path, model: Path) -> None:
    """Put the members of `archive` into `model`, which SageMaker mounts, the manifest last."""
    from headgate.core.archive import extract

    names = extract(archive, scratch)
    with writing(model):
        for name in sorted(names, key=lambda name: (name == MANIFEST_NAME, name)):
            (model / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(scratch / name, model / name)


def _keep(folder: Path, documents: Mapping[str, Any]) -> None:
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        for name, document in documents.items():
            (folder / f"{name}.json").write_bytes(canonical_json(document))


class _Told:
    """Progress as lines: one for each new message, then one for each tenth."""

    def __init__(self) -> None:
        self._last: tuple[str, int] = ("", 0)

    def __call__(self, message: str, fraction: float | None, /) -> None:
        tenth = int((fraction or 0) * 10)
        if (message, tenth) != self._last:
            self._last = message, tenth
            _say(message if fraction is None else f"{message} ({tenth * 10}%)")


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _readable(message: str, hint: str) -> str:
    """Message and hint in what SageMaker keeps of them."""
    room = FAILURE_CHARACTERS - len(hint) - 1
    told = message if len(message) <= room else f"{message[: room - 3]}..."
    return f"{told} {hint}".strip()


def _tell_failure(base: Path, text: str) -> None:
    sys.stderr.write(f"headgate: {text}\n")
    try:
        (base / "output").mkdir(parents=True, exist_ok=True)
        (base / "output" / "failure").write_text(text, encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        sys.stderr.write(f"headgate: {base}/output/failure cannot be written: {error.strerror}\n")
