"""The least that a machine can do: `limit.c`, an epoll server in C with the trees compiled into it."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import xgboost

SOURCE = Path(__file__).parent / "limit.c"


def build(booster: Path, names: tuple[str, ...], folder: Path) -> Path | None:
    """The program; None where there is no C compiler."""
    compiler = shutil.which("cc")
    if compiler is None:
        return None
    (folder / "trees.h").write_text("\n".join(header(booster, names)) + "\n")
    program = folder / "epoll"
    subprocess.run([compiler, "-O2", "-march=native", f"-I{folder}", "-o", program, SOURCE], check=True)
    return program


def header(booster: Path, names: tuple[str, ...]) -> Iterator[str]:
    """`trees.h`: the features' names, and `score`, which sums float32 in the order of the trees."""
    document = json.loads(xgboost.Booster(model_file=booster).save_raw("json"))["learner"]
    base = float(document["learner_model_param"]["base_score"].strip("[]"))
    trees = document["gradient_booster"]["model"]["trees"]
    yield f"#define FEATURES {len(names)}"
    yield "static const char *const names[FEATURES] = {" + ", ".join(f'"{name}"' for name in names) + "};"
    for number, tree in enumerate(trees):
        yield f"static float tree{number}(const float *x) {{"
        yield from branch(tree, 0)
        yield "}"
    yield "static float score(const float *x) {"
    yield f"float sum = {base!r}f;"
    yield from (f"sum += tree{number}(x);" for number in range(len(trees)))
    yield "return sum; }"


def branch(tree: dict[str, Any], node: int) -> Iterator[str]:
    """One node and what is below it; a missing value (NaN) goes where the tree says."""
    left, right, threshold = (tree[key][node] for key in ("left_children", "right_children", "split_conditions"))
    if left < 0:
        yield f"return {single(threshold)};"
        return
    value = f"x[{tree['split_indices'][node]}]"
    limit = single(threshold)
    yield f"if ({f'!({value} >= {limit})' if tree['default_left'][node] else f'{value} < {limit}'}) {{"
    yield from branch(tree, left)
    yield "}"
    yield from branch(tree, right)


def single(value: float) -> str:
    """A float32 constant."""
    return f"{value:.9e}f"
