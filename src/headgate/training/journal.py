"""The journal of a search: Optuna's, lines of JSON in a file of a folder that one process has at a time.

What a killed process left is put right when the journal is opened: half a line at its end is cut off, and a trial that
was under way counts as failed, which is as if it had never been.
"""

import fcntl
import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import optuna
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock
from optuna.trial import TrialState

from headgate.core.files import write_atomic
from headgate.errors import InvalidInput, Refused
from headgate.spec.gates import higher_is_better
from headgate.spec.train import Params

PARAMS = "params"
"""What a trial calls its parameters under the names of the spec."""
USED = "seconds used"
"""What the study calls the time that went into it."""
UNPRUNED_TRIALS = 5
"""So many trials come to their end before one is given up: there is no median to speak of before."""


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """The folder, for one process alone; the system lets go of it when the process ends, however it ends.

    Raises Refused where another one has it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("wb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Refused(
                "Another `headgate train` searches for the same parameters.", hint="Wait for it, or stop it."
            ) from None
        yield


class _NoLock(JournalFileOpenLock):
    """Optuna's own lock outlives a killed process; the folder has one that does not."""

    def acquire(self) -> bool:
        """There is nothing to wait for."""
        return True

    def release(self) -> None:
        """There is nothing to let go of."""


def open_study(journal: Path, metric: str) -> optuna.Study:
    """The study so far, without what a killed process left half done. Raises InvalidInput where it is damaged."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    if journal.exists():
        content = journal.read_bytes()
        whole = content.rfind(b"\n") + 1
        if whole < len(content):
            write_atomic(journal, content[:whole])
    try:
        storage = optuna.storages.JournalStorage(JournalFileBackend(str(journal), _NoLock(str(journal))))
        study = optuna.create_study(
            storage=storage,
            study_name="search",
            direction="maximize" if higher_is_better(metric) else "minimize",
            pruner=optuna.pruners.MedianPruner(n_startup_trials=UNPRUNED_TRIALS),
            load_if_exists=True,
        )
        _check(study)
    except (ValueError, KeyError, TypeError, AttributeError, AssertionError) as error:  # what Optuna trips over
        raise InvalidInput(
            f"{journal} is damaged: {error!r}.", hint=f"Remove the folder {journal.parent}; the search starts anew."
        ) from None
    for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        study.tell(trial.number, state=TrialState.FAIL)
    return study


def _check(study: optuna.Study) -> None:
    """Raises ValueError or TypeError where the trials lack what is read of them: lines may be gone that Optuna needs
    not."""
    if not math.isfinite(study.user_attrs.get(USED, 0.0)):
        raise ValueError(f"{USED} is no number")
    for trial in study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.PRUNED)):
        params = trial.user_attrs.get(PARAMS)
        if not isinstance(params, dict) or params.keys() != Params.model_fields.keys():
            raise ValueError(f"trial {trial.number + 1} has no parameters")
        Params.model_validate(params)
        if trial.state == TrialState.COMPLETE and not math.isfinite(trial.values[0]):
            raise ValueError(f"trial {trial.number + 1} has no result")
