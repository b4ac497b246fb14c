from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from headgate.data.runs import VALIDATION_NAME
from headgate.data.trained import Trained
from headgate.data.validation import Validation
from headgate.errors import GateFailed
from headgate.packaging.convert import to_onnx
from headgate.packaging.parity import check_parity, compare, predict_onnx
from headgate.packaging.probes import probe_rows, thresholds
from headgate.training import train
from tests.data.projects import BUNDLED, bundled

Damage = Callable[[dict[str, Any]], None]


def trained_on(folder: Path, name: str, rounds: int = 20) -> tuple[Trained, Validation]:
    run = train(bundled(folder, name, train={"params": {"n_estimators": rounds}}))
    return Trained.of(run), Validation.from_bytes(run.read(VALIDATION_NAME))


@pytest.mark.slow
@pytest.mark.parametrize("name", BUNDLED)
def test_xgboost_converts_faithfully(tmp_path: Path, name: str) -> None:
    trained, held = trained_on(tmp_path, name, rounds=100)
    model = to_onnx(trained, held.X.shape[1])
    probes = probe_rows(trained, held.X, {})
    parity = check_parity(trained, model, probes)
    assert parity.rows == len(probes.X) > len(held.X) + 3 * min(len(thresholds(trained)), 100)
    assert parity.labels_changed == parity.ties == 0
    assert to_onnx(trained, held.X.shape[1]) == model
    onnx.checker.check_model(model, full_check=True)


@pytest.mark.slow
def test_the_second_class_of_two_is_the_second_column(tmp_path: Path) -> None:
    trained, held = trained_on(tmp_path, "breast_cancer")
    probabilities = predict_onnx(to_onnx(trained, 30), held.X, trained)
    right = np.array(trained.labels)[probabilities.argmax(axis=1)] == held.y
    assert right.mean() > 0.9


def damaged(model: bytes, damage: Damage) -> bytes:
    document = onnx.load_model_from_string(model)
    damage({attribute.name: attribute for attribute in document.graph.node[0].attribute})
    return bytes(document.SerializeToString())


def at_or_below(attributes: dict[str, Any]) -> None:
    modes = attributes["nodes_modes"].strings
    for at, mode in enumerate(modes):
        modes[at] = mode.replace(b"BRANCH_LT", b"BRANCH_LEQ")


def missing_the_other_way(attributes: dict[str, Any]) -> None:
    ways = attributes["nodes_missing_value_tracks_true"].ints
    for at, way in enumerate(ways):
        ways[at] = 1 - way


def no_base(attributes: dict[str, Any]) -> None:
    values = attributes["base_values"].floats
    for at in range(len(values)):
        values[at] = 0.0


def one_leaf(attributes: dict[str, Any]) -> None:
    weights = attributes.get("class_weights", attributes.get("target_weights")).floats  # type: ignore[union-attr]
    weights[0] += 100.0


def no_number(attributes: dict[str, Any]) -> None:
    weights = attributes.get("class_weights", attributes.get("target_weights")).floats  # type: ignore[union-attr]
    weights[0] = float("nan")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["wine", "breast_cancer", "diabetes"])
def test_every_way_of_converting_wrongly_is_found(tmp_path: Path, name: str) -> None:
    trained, held = trained_on(tmp_path, name)
    model, probes = to_onnx(trained, held.X.shape[1]), probe_rows(trained, held.X, {})
    for damage in (at_or_below, missing_the_other_way, no_base, one_leaf, no_number):
        with pytest.raises(GateFailed, match=r"does not answer like the trained one.*trained .*, ONNX .*difference"):
            check_parity(trained, damaged(model, damage), probes)


def kinds_of(rows: int) -> tuple[str, ...]:
    return ("a held-out row",) * rows


def test_probabilities_may_differ_a_little_and_labels_not_at_all() -> None:
    ours = np.array([[0.7, 0.3], [0.5, 0.5]], np.float32)
    assert compare(ours, ours + np.float32(5e-5), kinds_of(2), ("a", "b")).difference == pytest.approx(5e-5, rel=0.01)
    with pytest.raises(GateFailed, match=r"0 get another label, 1 differ .*trained a 0.700000, ONNX a 0.699800"):
        compare(ours, ours - np.array([[2e-4, 0], [0, 0]], np.float32), kinds_of(2), ("a", "b"))
    close = np.array([[0.50002, 0.49998]], np.float32)
    with pytest.raises(GateFailed, match=r"1 get another label, 0 differ .*trained a .*, ONNX b "):
        compare(close, close[:, ::-1], kinds_of(1), ("a", "b"))


def test_a_tie_of_the_trained_model_may_fall_either_way() -> None:
    tie = np.array([[0.5, 0.5]], np.float32)
    other = np.array([[0.49999997, 0.50000003]], np.float32)
    assert compare(tie, other, kinds_of(1), ("a", "b")).ties == 1


def test_values_are_held_against_the_largest() -> None:
    ours = np.array([1000, 1e-3], np.float32)
    parity = compare(ours, ours + np.float32(0.009), kinds_of(2), ())
    assert parity.tolerance == pytest.approx(0.01)
    assert parity.difference == pytest.approx(0.009, rel=0.01)
    with pytest.raises(GateFailed, match=r"trained 1000, ONNX 1000\.02"):
        compare(ours, ours + np.array([0.02, 0], np.float32), kinds_of(2), ())


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_no_number_is_no_agreement(wrong: float) -> None:
    ours = np.array([1, 2], np.float32)
    for one, other in ((ours, np.array([1, wrong], np.float32)), (np.array([1, wrong], np.float32), ours)):
        with pytest.raises(GateFailed):
            compare(one, other, kinds_of(2), ())
