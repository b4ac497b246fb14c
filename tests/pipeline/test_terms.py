from dataclasses import replace

from headgate.pipeline.terms import Terms
from headgate.rollout.plan import AllAtOnce
from tests.pipeline.simulated import terms


def test_terms_are_read_as_they_were_written() -> None:
    said = replace(terms(AllAtOnce()), variables={"HEADGATE_CAPTURE": "/somewhere"}, tags={"owner": "ml-team"})
    document = said.to_json()
    assert Terms.from_json(document) == said
    del document["variables"], document["tags"]  # as a log from before there were any
    assert Terms.from_json(document) == replace(said, variables={}, tags={})
