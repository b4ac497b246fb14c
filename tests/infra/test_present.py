"""What is in the account: whose it is, and what headgate.yaml does not ask for any more."""

from dataclasses import replace

import pytest

from headgate.core.stacks import StackState
from headgate.errors import Refused
from headgate.infra.outline import DELIVERY_IMAGE, KNOWN, outline
from headgate.infra.present import Present, everything, has_own_endpoint, named, require_own, unwanted
from headgate.infra.site import Site
from tests.infra.projects import IRIS, NEWS, PROJECTS, site_of, spec_of


def test_every_stack_that_there_may_be_is_looked_for_in_the_order_of_their_needs() -> None:
    for name in PROJECTS:
        stacks = outline(site_of(name))
        assert {stack.id for stack in stacks} <= {*KNOWN}
        for stack in stacks:
            assert all(KNOWN.index(needed) < KNOWN.index(stack.id) for needed in stack.after)


def test_what_is_there_and_not_asked_for() -> None:
    site = site_of("iris")
    assert named(site, unwanted(site, everything(site))) == ["stack iris-production-function"]
    bare = Site.of(spec_of(IRIS.replace("    front: {version: v2}\n", "").replace("github:", "# ")), "production")
    left = named(bare, unwanted(bare, everything(bare)))
    assert left == [f"stack iris-production-{key}" for key in ("function", "front", "github")]
    news = replace(site_of("news"), github=None)
    assert named(news, unwanted(news, everything(news))) == [
        "stack news-category-cloud-github",
        "endpoint news-category-cloud",
    ]
    assert named(news, unwanted(news, Present())) == []


def test_two_projects_whose_names_meet_are_told_apart() -> None:
    text = NEWS.replace("project: news-category", "project: news").replace("  cloud:", "  category-cloud:")
    ours, theirs = site_of("news"), Site.of(spec_of(text), "category-cloud")
    assert ours.stack("base") == theirs.stack("base")
    require_own(ours, everything(ours))
    for there in (everything(theirs), Present({"front": everything(theirs).stacks["front"]})):
        with pytest.raises(
            Refused, match="is of project news, environment category-cloud, and this is project"
        ) as told:
            require_own(ours, there)
        assert "rename the project or the environment" in told.value.hint
    assert not has_own_endpoint(ours, everything(theirs))
    assert unwanted(ours, everything(theirs)).endpoint is None, "theirs is not ours to name"


def test_a_stack_of_nobody_is_not_ours_and_one_that_was_only_announced_is_nobodys() -> None:
    site = site_of("iris")
    plain = replace(everything(site).stacks["base"], tags={}, status="CREATE_COMPLETE")
    with pytest.raises(Refused, match="iris-production-base in account 123456789012 is of nobody that its tags tell"):
        require_own(site, Present({"base": plain}))
    require_own(site, Present({"base": replace(plain, status="REVIEW_IN_PROGRESS")}))


def test_what_a_stack_was_told_holds_once_it_was_made() -> None:
    made = StackState("iris-production-delivery", "arn", "UPDATE_COMPLETE", parameters=frozenset([DELIVERY_IMAGE]))
    assert made.knows(DELIVERY_IMAGE)
    assert not replace(made, parameters=frozenset()).knows(DELIVERY_IMAGE)
    for status in ("REVIEW_IN_PROGRESS", "ROLLBACK_COMPLETE", "CREATE_FAILED"):
        assert not replace(made, status=status).knows(DELIVERY_IMAGE)
