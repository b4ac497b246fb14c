"""What is removed, and in which order."""

from headgate.infra.outline import KNOWN
from headgate.infra.removal import kept, steps
from tests.infra.projects import site_of

STACKS = ["base", "watch", "delivery", "machine", "front", "github"]


def test_what_could_make_an_endpoint_goes_before_it_and_the_data_stays() -> None:
    site = site_of("iris")
    planned = steps(site, STACKS, endpoint=True, delete_data=False)
    assert [(step.kind, step.things) for step in planned] == [
        ("executions", ("arn:aws:states:eu-central-1:123456789012:stateMachine:iris-production-delivery",)),
        ("stacks", ("machine", "delivery")),
        ("endpoint", ("iris-production",)),
        ("stacks", ("github", "front", "watch")),
    ]
    assert planned[1].said == "delete the stacks iris-production-machine, iris-production-delivery"
    stays = "\n".join(kept(site, STACKS, delete_data=False))
    assert "iris-production-base stays, with bucket iris-production-123456789012-eu-central-1" in stays
    assert "the endpoint's log" in stays
    assert "`headgate rollout abort --env production` ends it" in stays
    assert "what these stacks have logged in CloudWatch goes with them" in stays


def test_with_it_everything_goes_and_what_held_it_last() -> None:
    site = site_of("iris")
    planned = steps(site, STACKS, endpoint=True, delete_data=True)
    kinds = ["executions", "stacks", "endpoint", "stacks", "bucket", "images", "versions", "stacks"]
    assert [step.kind for step in planned] == kinds
    assert planned[-1].things == ("base",)
    stays = "\n".join(kept(site, STACKS, delete_data=True))
    assert "30 days" in stays
    assert "abort" not in stays


def test_what_a_former_headgate_yaml_asked_for_goes_too() -> None:
    planned = steps(site_of("news"), KNOWN, endpoint=True, delete_data=False)
    assert [step.things for step in planned[1:]] == [
        ("machine", "delivery"),
        ("news-category-cloud",),
        ("github", "front", "function", "watch"),
    ]
    assert planned[2].said.endswith("if a former `hosting` left any")


def test_a_second_time_there_is_less_to_do() -> None:
    site = site_of("iris")
    assert [s.kind for s in steps(site, ["base"], endpoint=True, delete_data=False)] == ["endpoint"]
    again = steps(site, ["base", "watch"], endpoint=True, delete_data=True)
    assert [s.kind for s in again] == ["endpoint", "stacks", "bucket", "images", "versions", "stacks"]
    assert [s.kind for s in steps(site, [], endpoint=True, delete_data=True)] == ["endpoint"]
    assert kept(site, [], delete_data=True) == []
