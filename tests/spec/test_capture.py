from pathlib import Path

import pytest

from headgate.errors import SpecError
from headgate.pipeline.start import place_of
from headgate.serving.settings import Settings
from headgate.spec import Spec
from headgate.spec.project import Project, read

SMALLEST = 'project: iris\ntask: classification\ndata: {source: "sklearn:iris", target: species}\n'
ROOT = Path("/somewhere/iris")


def spec(capture: str) -> Spec:
    return read("headgate.yaml", f"{SMALLEST}environments: {{production: {{capture: {capture}}}}}".encode())


def variables(capture: str) -> dict[str, str]:
    return dict(place_of(Project(ROOT, spec(capture)), "production").variables)


def test_nothing_is_captured_unless_it_is_said() -> None:
    assert place_of(Project(ROOT, read("headgate.yaml", SMALLEST.encode())), "production").variables == {}


def test_the_defaults_keep_everything_in_the_projects_store() -> None:
    assert variables("{}") == {
        "HEADGATE_CAPTURE": "/somewhere/iris/.headgate/capture",
        "HEADGATE_CAPTURE_SAMPLING": "100",
        "HEADGATE_CAPTURE_MODE": "InputAndOutput",
    }


@pytest.mark.parametrize(
    ("to", "expected"),
    [("kept", "/somewhere/iris/kept"), ("/data/kept", "/data/kept"), ("s3://bucket/a/b", "s3://bucket/a/b")],
)
def test_what_is_said_is_what_the_model_server_reads(to: str, expected: str) -> None:
    said = variables(f'{{to: "{to}", sampling: 12.5%, mode: Input, redact: [first name, age]}}')
    found = Settings.from_environment(said).capture
    assert (found.to, found.sampling, found.mode, found.redact) == (expected, 12.5, "Input", ("first name", "age"))


def test_the_digest_follows_the_meaning_and_not_the_writing() -> None:
    default = spec("{}").digest
    assert spec("{sampling: 100.0%, mode: InputAndOutput, redact: []}").digest == default
    assert spec("{sampling: 99.9%}").digest != default
    assert read("headgate.yaml", SMALLEST.encode()).digest != default


def test_wrong_values_are_reported_all_at_once() -> None:
    with pytest.raises(SpecError) as caught:
        spec('{sampling: 101%, mode: Both, redact: ["a,b", 7], to: "gs://bucket", keep: 1}')
    at = "environments/production/capture"
    assert list(caught.value.problems) == [
        f'{at}/sampling: should be a percentage such as 5% or 100%, of at most two decimals, got "101%"',
        f'{at}/mode: should be one of InputAndOutput, Input, Output, got "Both"',
        f'{at}/redact/0: should be the name of a feature, without commas, got "a,b"',
        f"{at}/redact/1: should be the name of a feature, without commas, got 7",
        f'{at}/to: should be a folder or s3://bucket/prefix, got "gs://bucket"',
        f"{at}/keep: unknown key, known here: sampling, mode, redact, to",
    ]
