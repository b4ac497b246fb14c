"""Model versions, against the real control API."""

import pytest

from headgate.core.versions import ModelVersion
from headgate.errors import InvalidInput, NotFound
from headgate.hosting.registry import Registry
from tests.hosting.conftest import Control

pytestmark = pytest.mark.slow


def register(registry: Registry, digest: str, **metadata: str) -> ModelVersion:
    return registry.register(
        "iris",
        digest=digest,
        image="headgate-serving:1",
        model_data_url=f"s3://headgate-local/iris/{digest}/model.tar.gz",
        environment={},
        metadata=metadata,
    )


@pytest.fixture
def registry(control: Control) -> Registry:
    found = Registry(control.connection)
    found.ensure_project("iris")
    return found


def test_a_project_is_created_once(registry: Registry) -> None:
    registry.ensure_project("iris")
    registry.ensure_project("iris")


def test_a_version_starts_pending_and_keeps_what_it_was_given(registry: Registry) -> None:
    version = register(registry, "aa", **{"metric.f1_macro": "0.93", "git.commit": "abc"})
    assert (version.project, version.number, version.status) == ("iris", 1, "PendingManualApproval")
    assert version.metrics == {"f1_macro": 0.93}
    assert version.metadata["git.commit"] == "abc"
    assert version.image == "headgate-serving:1"
    assert version.model_data_url == "s3://headgate-local/iris/aa/model.tar.gz"
    assert registry.version("iris", 1) == version


def test_a_package_is_found_by_its_digest(registry: Registry) -> None:
    version = register(registry, "aa")
    register(registry, "bb")
    assert registry.find_digest("iris", "aa") == version
    assert registry.find_digest("iris", "cc") is None
    assert registry.find_digest("wine", "aa") is None


def test_the_newest_approved_is_the_highest_number_not_the_last_approval(registry: Registry) -> None:
    one, two = register(registry, "aa"), register(registry, "bb")
    assert registry.newest_approved("iris") is None
    registry.set_status(two, "Approved", "good")
    registry.set_status(one, "Approved", "also good")
    newest = registry.newest_approved("iris")
    assert newest is not None
    assert (newest.number, newest.description) == (2, "good")
    registry.set_status(two, "Rejected", "bad after all")
    newest = registry.newest_approved("iris")
    assert newest is not None
    assert newest.number == 1


def test_a_reason_that_is_too_long_for_aws_loses_its_end(registry: Registry) -> None:
    said = registry.set_status(register(registry, "aa"), "Rejected", "alice rejected version 1:\n" + "x" * 1024)
    assert (said.status, len(said.description)) == ("Rejected", 1024)
    assert said.description.startswith("alice rejected version 1: xxx")


def test_more_versions_than_a_page_holds(registry: Registry) -> None:
    for n in range(103):
        register(registry, f"{n:03}")
    found = registry.find_digest("iris", "000")
    assert found is not None
    assert found.number == 1
    assert registry.version("iris", 103).number == 103


def test_an_unknown_version_is_told_with_those_there_are(registry: Registry) -> None:
    register(registry, "aa")
    with pytest.raises(NotFound, match="no version 7") as caught:
        registry.version("iris", 7)
    assert "Versions: 1." in caught.value.hint
    with pytest.raises(NotFound, match="Project wine has no version 1"):
        registry.version("wine", 1)


def test_metadata_over_the_limits_is_refused_before_it_is_sent(registry: Registry) -> None:
    with pytest.raises(InvalidInput, match="too long"):
        register(registry, "aa", note="x" * 257)
    with pytest.raises(InvalidInput, match="50 metadata entries"):
        register(registry, "aa", **{f"k{n}": "v" for n in range(51)})
