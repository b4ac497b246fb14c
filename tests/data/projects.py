"""Projects for tests: a spec in few words, in a folder."""

from pathlib import Path
from typing import Any

import yaml

from headgate.spec import Project, load

BUNDLED = {
    "iris": "classification",
    "wine": "classification",
    "breast_cancer": "classification",
    "diabetes": "regression",
}


def make(folder: Path, source: str, task: str, **sections: Any) -> Project:
    """A project in `folder`; `data` given as a section is merged with the source."""
    data = {"source": source, "target": "y", **sections.pop("data", {})}
    document = {"project": "test", "task": task, "data": data, **sections}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "headgate.yaml").write_text(yaml.safe_dump(document))
    return load(folder)


def bundled(folder: Path, name: str, **sections: Any) -> Project:
    """A project on one of scikit-learn's data sets."""
    return make(folder, f"sklearn:{name}", BUNDLED[name], **sections)
