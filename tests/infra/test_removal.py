"""What is removed, and in which order."""

from headgate.infra.removal import kept, steps
from tests.infra.projects import site_of

STACKS = ["base", "watch", "delivery", "machine", "front", "github"]


def test_without_a_word_about_data_the_data_stays() -> None:
    site = site_of("iris")
    planned = steps(site, STACKS, delete_data=False)
    assert [(step.kind, step.things) for step in planned] == [
        ("endpoint", ("iris-production",)),
        ("stacks", ("github", "front", "machine", "delivery", "watch")),
    ]
    assert "iris-production-base stays" in kept(site, delete_data=False)[0]


def test_with_it_everything_goes_and_what_held_it_last() -> None:
    site = site_of("iris")
    planned = steps(site, STACKS, delete_data=True)
    assert [step.kind for step in planned] == ["endpoint", "stacks", "bucket", "images", "versions", "stacks"]
    assert planned[-1].things == ("base",)
    assert "30 days" in kept(site, delete_data=True)[0]


def test_a_function_has_no_endpoint_to_delete() -> None:
    planned = steps(site_of("news"), [*STACKS[:4], "function", "front"], delete_data=False)
    things = ("front", "function", "machine", "delivery", "watch")
    assert [(step.kind, step.things) for step in planned] == [("stacks", things)]
