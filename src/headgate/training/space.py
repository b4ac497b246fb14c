"""Where the search looks: around the parameters of headgate.yaml, wide enough to leave them far behind.

A range that does not hold the given value is widened to it, so that the given ones can be the first trial. `gamma` and
`reg_alpha` stay as they are given: what `min_child_weight`, `max_depth` and `reg_lambda` do, they would do again.
"""

import optuna

from headgate.spec.train import Params


def suggest(trial: optuna.Trial, given: Params) -> dict[str, float]:
    """The parameters of a trial, under the names of the spec."""
    rounds, depth, rate = given.n_estimators, given.max_depth, given.learning_rate
    return {
        "n_estimators": trial.suggest_int("n_estimators", max(1, rounds // 4), min(10_000, rounds * 2), log=True),
        "max_depth": trial.suggest_int("max_depth", min(2, depth), max(8, depth)),
        "learning_rate": trial.suggest_float("learning_rate", min(0.01, rate), max(0.3, rate), log=True),
        "subsample": trial.suggest_float("subsample", min(0.5, given.subsample), 1.0),
        "colsample_bytree": trial.suggest_float("colsample_bytree", min(0.5, given.colsample_bytree), 1.0),
        "min_child_weight": trial.suggest_float("min_child_weight", 0.0, max(10.0, given.min_child_weight)),
        "gamma": given.gamma,
        "reg_lambda": trial.suggest_float("reg_lambda", 0.0, max(10.0, given.reg_lambda)),
        "reg_alpha": given.reg_alpha,
    }
