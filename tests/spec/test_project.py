from contextlib import suppress
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from headgate.errors import HeadgateError, NotFound, SpecError
from headgate.spec import load
from headgate.spec.project import read

SMALLEST = b'project: iris\ntask: classification\ndata: {source: "sklearn:iris", target: species}\n'


def problems(text: str) -> tuple[str, ...]:
    with pytest.raises(SpecError) as caught:
        read("headgate.yaml", text.encode())
    assert caught.value.hint
    return caught.value.problems


def test_defaults_make_a_small_file_enough() -> None:
    spec = read("headgate.yaml", SMALLEST)
    assert spec.stratify
    assert spec.data.features is None
    assert spec.environments["production"].instances.count == 1
    assert spec.store == ".headgate"


def test_a_project_carries_its_folder(tmp_path: Path) -> None:
    (tmp_path / "headgate.yaml").write_bytes(b"\xef\xbb\xbf" + SMALLEST)
    project = load(tmp_path)
    assert (project.root, project.name, project.store) == (tmp_path, "iris", tmp_path / ".headgate")


def test_the_digest_follows_the_meaning_and_not_the_writing() -> None:
    spelt_out = SMALLEST + b"# a comment\nstore: .headgate\ntrain: {recipe: xgboost, params: {learning_rate: 0.10}}\n"
    assert read("a", SMALLEST).digest == read("b", spelt_out).digest
    assert read("a", SMALLEST).digest != read("b", SMALLEST + b"train: {seed: 8}\n").digest


def test_every_problem_is_reported_at_once_with_path_expectation_and_remedy() -> None:
    text = """
        project: Iris_1
        task: klassification
        data: {source: foo.txt, target: a, features: [a, b, b], split: {test: ten, seed: true, stratif: false}}
        train: {params: {n_estimators: 0, max_depth: 3.5, learning_rate: .nan, subsample: 2}, recipe: xgb}
        gates: {f1_macro: {max: 1}, champion: {metric: f1}, accuracy: 3}
        environments: {Prod: {target: gcp, instances: {count: 101, type: m5}}}
        package: {code: "s3://b/k"}
        stor: x
        1: 3
    """
    found = problems(text)
    expected = [
        'project: should be small letters, digits and single hyphens, starting with a letter, got "Iris_1"',
        'task: should be one of classification, regression, got "klassification"; did you mean classification?',
        "data/source: should be a .csv file or sklearn:<name> with a name of 20newsgroups, breast_cancer, diabetes, "
        'digits, iris, wine, got "foo.txt"',
        'data/split/test: should be a number, got "ten"',
        "data/split/seed: should be a whole number, got true",
        "data/split/stratif: unknown key, did you mean stratify?",
        'train/recipe: should be one of xgboost, gradient-boosting, text, got "xgb"; did you mean xgboost?',
        "train/params/n_estimators: should be at least 1, got 0",
        "train/params/max_depth: should be a whole number, got 3.5",
        "train/params/learning_rate: should be a finite number, got NaN",
        "train/params/subsample: should be at most 1, got 2",
        "gates/accuracy: should be a mapping of keys (min), got 3",
        "gates/f1_macro/min: is required. The smallest value that passes, between 0 and 1.",
        "gates/f1_macro/max: unknown key, known here: min",
        'gates/champion/metric: should be one of accuracy, f1_macro, log_loss, rmse, mae, mse, r2, got "f1"',
        'package/code: should be a folder, got "s3://b/k"',
        'environments/Prod: should be small letters, digits and single hyphens, starting with a letter, got "Prod"',
        'environments/Prod/target: should be one of local, aws, got "gcp"',
        "environments/Prod/instances/count: should be at most 100, got 101",
        'environments/Prod/instances/type: should be a SageMaker instance type such as ml.m5.large, got "m5"',
        "stor: unknown key, did you mean store?",
        "1: keys should be text; put it in quotes, got 1",
        "data/features/0: 'a' is the target; it cannot be a feature",
        "data/features: 'b' is listed 2 times",
    ]
    assert list(found) == expected


def test_keys_that_do_not_fit_one_another() -> None:
    text = """
        project: iris
        task: regression
        data: {source: "sklearn:iris", target: a, split: {stratify: true}}
        gates: {f1_macro: {min: 0.9}, rmse: {max: 1}, champion: {metric: accuracy}}
        train: {search: {metric: log_loss}}
        environments: {}
    """
    assert list(problems(text)) == [
        "environments: should not be empty, got {}",
        "data/split/stratify: regression has no classes to stratify by; leave it out",
        "task: sklearn:iris is made for classification, got regression",
        "gates/f1_macro: not a metric of regression; it has rmse, mae, mse, r2",
        "gates/champion/metric: accuracy is not a metric of regression; it has rmse, mae, mse, r2",
        "train/search/metric: log_loss is not a metric of regression; it has rmse, mae, mse, r2",
    ]


def test_a_tag_that_means_something_to_others_is_refused() -> None:
    smallest = SMALLEST.decode() + "environments: {production: {tags: {%s: x}}}\n"
    for name in ("headgate:rollout", "aws:cloudformation:stack-name", "AWS:x"):
        (found,) = problems(smallest % f'"{name}"')
        said = "should not begin with aws: or headgate:, which say what others rely on"
        assert found == f'environments/production/tags/{name}: {said}, got "{name}"'
    assert read("headgate.yaml", (smallest % "owner").encode()).environments["production"].tags == {"owner": "x"}


def test_a_route_that_the_gateway_means_something_else_by_is_refused() -> None:
    smallest = SMALLEST.decode()
    assert read("headgate.yaml", SMALLEST + b"route: /predict-iris\n").route == "/predict-iris"
    (reserved,) = problems(smallest + "route: /ping\n")
    assert reserved == 'route: is reserved: /ping has a meaning of its own at the gateway, got "/ping"'
    (malformed,) = problems(smallest + "route: predict\n")
    assert malformed.startswith("route: should begin with / and have one to four parts")
    assert malformed.endswith('such as /predict-student-score, got "predict"')


def test_each_recipe_has_keys_of_its_own() -> None:
    text = """
        project: news
        task: classification
        data: {source: a.csv, target: y, labels: {1: World}}
        train: {recipe: txt, params: {C: [0, a], ngram_max: 4, max_depth: 3}, search: {}}
    """
    assert list(problems(text)) == [
        "data/labels/1: should be text; put it in quotes, got 1",
        'train/recipe: should be one of xgboost, gradient-boosting, text, got "txt"; did you mean text?',
        "train/params/ngram_max: should be at most 3, got 4",
        "train/params/C/0: should be more than 0, got 0",
        'train/params/C/1: should be a number, got "a"',
        "train/params/max_depth: unknown key, known here: ngram_max, min_df, max_features, sublinear, C, folds",
        "train/search: unknown key, known here: recipe, params, seed",
    ]
    for train in ("7", "{recipe: [text], params: {C: 3}}", "{recipe: gradient-boosting, params: {gamma: 1}}"):
        assert all(line.startswith("train") for line in problems(SMALLEST.decode() + f"train: {train}\n"))


def test_columns_and_recipes_that_do_not_fit() -> None:
    text = """
        project: news
        task: regression
        data: {source: a.csv, target: y, features: [a, b], text: [c, y], columns: [a, b, c, c], labels: {"1": one}}
        train: {recipe: text}
        gates: {naive: {metric: accuracy}}
    """
    assert list(problems(text)) == [
        "data/text/1: 'y' is the target; it cannot be a feature",
        "data/columns: 'c' is listed 2 times",
        "data/target: 'y' is not among data/columns (a, b, c, c)",
        "data/text: 'y' is not among data/columns (a, b, c, c)",
        "data/text: stands beside data/features; one of them names what is learnt from",
        "train/recipe: text predicts classes, not numbers; set `task: classification`",
        "data/labels: regression has no classes to name; leave it out",
        "gates/naive/metric: accuracy is not a metric of regression; it has rmse, mae, mse, r2",
    ]
    news = (
        "project: n\ntask: classification\ndata: {source: sklearn:20newsgroups, target: g, text: [a], labels: {a: b}}\n"
    )
    assert list(problems(news)) == [
        "data/labels: only a CSV file has it, not sklearn:20newsgroups; leave it out",
        "data/text: only the recipe text learns from texts; set `train: {recipe: text}`",
        "data/source: sklearn:20newsgroups holds texts; set `train: {recipe: text}`",
    ]
    assert list(problems(SMALLEST.decode() + "train: {recipe: text}\n")) == [
        "data/source: sklearn:iris holds no texts, which the recipe text learns from"
    ]
    two = (
        "project: n\ntask: classification\ndata: {source: a.csv, target: g, features: [a, b]}\ntrain: {recipe: text}\n"
    )
    assert list(problems(two)) == [
        "data/features: the recipe text learns from one column; list several under data/text"
    ]


def test_a_key_without_a_value_is_no_default() -> None:
    text = """
        project:
        task: regression
        data: {source: a.csv, target: 1, features: [a, ]}
        gates: {rmse: , champion: {metric: }}
        environments:
          production:
    """
    assert list(problems(text)) == [
        "data/target: should be text; put it in quotes, got 1",
        "project: has no value; give it one, or leave the key out",
        "gates/rmse: has no value; give it one, or leave the key out",
        "gates/champion/metric: has no value; give it one, or leave the key out",
        "environments/production: has no value; write {} for the defaults",
    ]
    nothing = SMALLEST.decode() + "package: {code: }\ntrain:\n"
    assert [line.partition(":")[0] for line in problems(nothing)] == ["package/code", "train"]


def test_required_keys_say_what_they_are_for() -> None:
    assert problems("task: regression") == (
        "project: is required. The project's name: small letters, digits and single hyphens, at most 32 characters.",
        "data: is required. The rows to learn from.",
    )


def test_a_missing_or_unreadable_file(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"no headgate\.yaml in") as caught:
        load(tmp_path / "nowhere")
    assert "headgate init" in caught.value.hint
    (tmp_path / "headgate.yaml").mkdir()
    with pytest.raises(SpecError, match="cannot be read"):
        load(tmp_path)


leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
keys = st.sampled_from(
    ["project", "task", "data", "train", "gates", "champion", "metric", "source", "target", "features", "split", "min"]
)
documents = st.recursive(leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=6))


@given(documents)
def test_any_document_is_read_or_refused_with_reasons(document: object) -> None:
    with suppress(HeadgateError):
        read("headgate.yaml", yaml.safe_dump(document).encode())
