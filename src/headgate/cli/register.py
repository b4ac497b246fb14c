"""`headgate register`."""

from contextlib import suppress
from typing import TYPE_CHECKING

import click

import headgate
from headgate.cli.command import Call, Command, dry_run_option
from headgate.core.manifest import SERVING_IMAGE
from headgate.core.versions import HELD_OUT, METRIC_PREFIX, ModelVersion
from headgate.errors import NotFound

if TYPE_CHECKING:
    from headgate.data.packages import Package
    from headgate.hosting.registry import Registry

BUCKET = "headgate-local"


@click.command(cls=Command, example="headgate register\nheadgate register --dry-run")
@dry_run_option
def command(call: Call, *, dry_run: bool) -> None:
    """Register the package as a model version.

    Takes the newest package. The version waits for approval (`headgate approve`). The same package again gives the
    version that exists, and puts its archive back where that was lost.
    """
    from headgate.data.packages import Packages
    from headgate.hosting.registry import Registry

    project = call.project
    package = Packages(project.store).latest()
    package.verify()
    registry = Registry(call.connect())
    url = f"s3://{BUCKET}/{project.name}/{package.digest}/model.tar.gz"
    found = registry.find_digest(project.name, package.digest)
    if dry_run:
        said = f"it is version {found.number} already" if found else f"would upload it to {url} and register it"
        document = {"project": project.name, "package": package.digest, "url": url, "dry_run": True}
        call.out.show(
            {**document, "version": found.number if found else None}, f"package {package.digest[:12]}: {said}"
        )
        return
    _upload(call, package, url)
    version = found or _register(call, registry, package, url)
    _remember(call, package, version)
    was = "is registered already" if found else "is registered"
    call.out.show(
        {
            "project": project.name, "version": version.number, "status": version.status, "created": not found,
            "package": package.digest, "url": url, "arn": version.arn, "metrics": version.metrics, "dry_run": False,
        },
        f"Version {version.number} of {project.name} {was}: {version.status}.",
        *([f"Next: headgate approve {version.number}"] if version.status == "PendingManualApproval" else []),
    )  # fmt: skip


def _register(call: Call, registry: "Registry", package: "Package", url: str) -> ModelVersion:
    name, record = call.project.name, package.record
    registry.ensure_project(name)
    metadata = {
        "run.id": record.run,
        "data.sha256": record.data_sha256,
        HELD_OUT: record.held_out_sha256,
        **({"git.commit": record.commit} if record.commit else {}),
        **{f"{METRIC_PREFIX}{metric}": repr(value) for metric, value in _metrics(package).items()},
    }
    return registry.register(
        name,
        digest=package.digest,
        image=f"{SERVING_IMAGE}:{headgate.__version__}",
        model_data_url=url,
        environment={},
        metadata=metadata,
    )


def _upload(call: Call, package: "Package", url: str) -> None:
    """Put the archive where the engine finds it, unless it is there; one that was deleted or damaged is put back."""
    from headgate.core.digest import sha256_file
    from headgate.data.store import LocalBuckets

    buckets = LocalBuckets(call.home.store)
    with suppress(NotFound):
        if sha256_file(buckets.open(url)) == package.digest:
            return
    buckets.upload(package.path, url)


def _remember(call: Call, package: "Package", version: ModelVersion) -> None:
    from headgate.cli.registered import Registered, remember

    record = package.record
    registered = Registered(version.number, package.digest, record.run, _metrics(package), record.held_out_sha256)
    remember(call.project.store, registered)


def _metrics(package: "Package") -> dict[str, float]:
    return {name: value for name, value in package.record.metrics.items() if value is not None}
