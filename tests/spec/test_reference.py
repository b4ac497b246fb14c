import json
from pathlib import Path

from pydantic import BaseModel

from headgate.spec import Spec
from headgate.spec.reference import json_schema, markdown
from headgate.spec.section import Section

DOCS = Path(__file__).parents[2] / "docs"


def sections(model: type[BaseModel]) -> list[type[BaseModel]]:
    return [*model.__subclasses__(), *(s for m in model.__subclasses__() for s in sections(m))]


def test_every_key_has_a_description() -> None:
    missing = [f"{m.__name__}.{n}" for m in sections(Section) for n, f in m.model_fields.items() if not f.description]
    assert missing == []


def test_the_reference_names_every_key() -> None:
    text = markdown()
    assert all(f"| `{name}` |" in text for name in Spec.model_fields)
    assert all(not line.endswith("|  |") for line in text.splitlines())


def test_the_written_reference_is_fresh() -> None:
    remedy = "run: python -m headgate.spec.reference docs"
    assert (DOCS / "spec.md").read_text(encoding="utf-8") == markdown(), remedy
    assert (DOCS / "headgate.schema.json").read_text(encoding="utf-8") == json_schema(), remedy


def test_the_schema_refuses_unknown_keys_everywhere() -> None:
    schema = json.loads(json_schema())
    assert all(section["additionalProperties"] is False for section in [schema, *schema["$defs"].values()])
