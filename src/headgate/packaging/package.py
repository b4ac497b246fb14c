"""One package: convert, compare, describe, archive, keep.

The archive is the same, byte for byte, whenever the same model is packaged by the same versions: nothing in it tells
time, place or run. Where it came from stands beside it (`data.packages`). Nothing is kept unless the portable model
answers like the trained one.

With `package/code` the user's hooks serve (backend `code`) and the ONNX model lies beside them for `model_fn` to load;
the parity that is recorded is the model's, not that of what the hooks make of it.
"""

import json
from datetime import UTC, datetime

from headgate.core.digest import sha256
from headgate.core.manifest import MANIFEST_NAME, ONNX_NAME, SCHEMA_NAME, Manifest
from headgate.core.progress import Progress, silent
from headgate.core.schema import Feature, InputSchema, Policy
from headgate.data.packages import Package, PackageRecord, Packages
from headgate.data.runs import VALIDATION_NAME, Record, Run
from headgate.data.trained import Trained
from headgate.data.validation import Validation
from headgate.packaging.archive import make_archive
from headgate.packaging.code import collect_code
from headgate.packaging.convert import to_onnx
from headgate.packaging.parity import check_parity
from headgate.packaging.probes import probe_rows
from headgate.spec import Project


def package(run: Run, project: Project, *, progress: Progress = silent, now: datetime | None = None) -> Package:
    """Package a run of the project and keep the archive in the project's store.

    `now` is the time that is recorded beside the archive (aware; the present by default). Raises GateFailed where the
    portable model answers differently, InvalidInput or NotFound where the run or the code folder is wrong.
    """
    code = project.spec.package.code
    members = collect_code(project.root / code) if code else {}
    trained = Trained.of(run)
    held = Validation.from_bytes(run.read(VALIDATION_NAME))
    progress("converting", None)
    onnx = to_onnx(trained, len(run.record.features))
    progress("comparing", None)
    parity = check_parity(trained, onnx, probe_rows(trained, held.X))
    progress("writing", None)
    schema = _schema(run.record, project.spec.serving.policy())
    members |= {ONNX_NAME: onnx, SCHEMA_NAME: _document(schema.to_json())}
    digests = {name: sha256(content) for name, content in sorted(members.items())}
    manifest = Manifest(project.name, "code" if code else "onnx", digests)
    members[MANIFEST_NAME] = _document(manifest.to_json())
    record = PackageRecord(
        project=project.name,
        task=run.record.task,
        run=run.id,
        created=(now or datetime.now(UTC)).astimezone(UTC).isoformat(timespec="milliseconds"),
        metrics=dict(run.record.metrics),
        data_sha256=run.record.data_sha256,
        held_out_sha256=run.record.held_out_sha256,
        commit=run.record.commit,
        parity=parity.to_json(),
    )
    return Packages(project.store).add(make_archive(members), record)


def _schema(record: Record, policy: Policy) -> InputSchema:
    """A value may be missing in a request exactly where it was in the rows that were learnt from."""
    features = tuple(Feature(name, nullable=name in record.features_with_missing) for name in record.features)
    return InputSchema(record.task, record.target, features, record.labels, policy)


def _document(value: object) -> bytes:
    return (json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n").encode()
