"""What workflows need to know of a project, and what they cannot say."""

import re
from pathlib import Path

import pytest

from headgate.ci import Delivery
from headgate.ci.project import place
from headgate.errors import UsageError
from tests.ci.projects import IRIS, NEWS_CATEGORY, STUDENT_SCORE, project


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (IRIS.replace("github:", "serving: {} #"), "says nothing of GitHub"),
        (IRIS.replace("target: aws", "target: local"), "No environment of headgate.yaml is on AWS"),
        (STUDENT_SCORE.replace("data/students.csv", "data/ä.csv"), "data/source is 'data/ä.csv'"),
        (STUDENT_SCORE.replace("data/students.csv", "'${{ x }}/a.csv'"), "workflows take letters"),
        (STUDENT_SCORE.replace("data/students.csv", "../shared/a.csv"), "outside of the repository"),
        (STUDENT_SCORE.replace("data/students.csv", "/data/a.csv"), "outside of the repository"),
        (IRIS.replace("code: code", 'code: "a b"'), "package/code is 'a b'"),
        (NEWS_CATEGORY.replace("var/store", "'$(id)'"), "store is '$(id)'"),
        (NEWS_CATEGORY.replace("0 3 * * 1", "0 3 * * 1 1"), "cron has 5 fields"),
        (NEWS_CATEGORY.replace("0 3 * * 1", "99 99 * * *"), "its minute is '99', which should count from 0 to 59"),
        (NEWS_CATEGORY.replace("0 3 * * 1", "0 3 * 0 * "), "its month is '0', which should count from 1 to 12"),
        (NEWS_CATEGORY.replace("0 3 * * 1", "0 3 * * 1,7"), "its weekday is '1,7'"),
        (NEWS_CATEGORY.replace("0 3 * * 1", "0 5-3 * * *"), "its hour is '5-3'"),
        (NEWS_CATEGORY.replace("0 3 * * 1", "*/0 3 * * *"), "its minute is '*/0'"),
        (NEWS_CATEGORY.replace("0 3 * * 1", "0 3 1- * *"), "its day is '1-'"),
        (
            IRIS.replace("staging: {", "staging: {rollout: [{canary: {bake: 3h}}], "),
            "production would be delivered before",
        ),
    ],
)
def test_what_workflows_cannot_say_is_refused(text: str, said: str) -> None:
    with pytest.raises(UsageError, match=re.escape(said)) as refused:
        Delivery.of(project(text))
    assert refused.value.hint


@pytest.mark.parametrize("cron", ["*/15 0-23/2 1,15-20 1-12 0,6", "59 23 31 12 *", "0 3 * * 1-5", "20/15 * * * *"])
def test_a_schedule_that_github_takes(cron: str) -> None:
    assert Delivery.of(project(NEWS_CATEGORY.replace("0 3 * * 1", cron))).schedule == cron


def test_production_comes_last_and_what_is_local_not_at_all() -> None:
    assert [site.name for site in Delivery.of(project(IRIS)).sites] == ["staging", "production"]


def test_images_are_those_that_the_environments_need() -> None:
    assert Delivery.of(project(IRIS)).images == ("sagemaker",)
    assert Delivery.of(project(NEWS_CATEGORY)).images == ("lambda",)
    both = IRIS.replace("staging: {target: aws,", "staging: {hosting: {lambda: {}}, target: aws,")
    assert Delivery.of(project(both)).images == ("lambda", "sagemaker")


def test_how_long_a_job_may_take() -> None:
    staging, production = Delivery.of(project(IRIS)).sites
    assert staging.watched == 2 * (600 + 180 + 3600)
    assert staging.minutes == 146 + 45
    assert production.watched == 3 * (1800 + 180 + 3600)
    assert production.minutes == 279 + 45
    assert production.followed
    (at_once,) = Delivery.of(project(STUDENT_SCORE)).sites
    assert at_once.minutes == 45
    (function,) = Delivery.of(project(NEWS_CATEGORY)).sites
    assert function.watched == 2 * (600 + 120 + 3600), "a function's evidence is known a minute sooner"


def test_where_images_go() -> None:
    staging, _ = Delivery.of(project(IRIS)).sites
    assert staging.registry == "123456789012.dkr.ecr.eu-west-1.amazonaws.com/iris-staging"
    china = Delivery.of(project(IRIS.replace("eu-west-1", "cn-north-1"))).sites[0]
    assert china.registry == "123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn/iris-staging"
    assert china.role("train") == "arn:aws-cn:iam::123456789012:role/iris-staging-github-train"


def test_the_repository_is_found_from_a_folder_in_it(tmp_path: Path) -> None:
    inside = tmp_path / "models" / "iris"
    inside.mkdir(parents=True)
    assert place(inside) == (inside, ".")
    (tmp_path / ".git").mkdir()
    assert place(inside) == (tmp_path, "models/iris")
    assert place(tmp_path) == (tmp_path, ".")
