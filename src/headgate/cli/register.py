"""`headgate register`."""

from typing import TYPE_CHECKING

import click

import headgate
from headgate.cli.command import Call, Command, dry_run_option, env_option
from headgate.core.versions import HELD_OUT, METRIC_PREFIX, ModelVersion

if TYPE_CHECKING:
    from headgate.data.packages import Package
    from headgate.hosting.registry import Registry


@click.command(cls=Command, example="headgate register\nheadgate register --dry-run")
@click.option("--image", "asked", metavar="IMAGE", help="What runs it. On AWS needed, by digest: NAME@sha256:...")
@env_option
@dry_run_option
def command(call: Call, *, asked: str | None, environment: str | None, dry_run: bool) -> None:
    """Register the package as a model version.

    Takes the newest package. The version waits for approval (`headgate approve`). The same package again gives the
    version that exists, and puts its archive back where that was lost. On AWS the same package with another image is
    another version, and each environment has versions of its own.
    """
    from headgate.data.packages import Packages
    from headgate.hosting.registry import Registry

    project = call.project
    package = Packages(project.store).latest()
    package.verify()
    target = call.registry_target(environment)
    registry = Registry(target.connection)
    image = target.image(asked, headgate.__version__) if asked else ""
    url, found = target.url(package), registry.find_digest(project.name, package.digest, image)
    image = found.image if found else image or target.image(None, headgate.__version__)
    if dry_run:
        said = f"it is version {found.number} already" if found else f"would upload it to {url} and register it"
        document = {"project": project.name, "package": package.digest, "url": url, "dry_run": True}
        call.out.show(
            {**document, "version": found.number if found else None}, f"package {package.digest[:12]}: {said}"
        )
        return
    with call.out.progress("register") as progress:
        progress("putting the package where it is found", None)
        target.keep(package)
    version = found or _register(call, registry, package, url, image)
    _remember(call, package, version)
    was = "is registered already" if found else "is registered"
    where = f" --env {environment}" if environment else ""
    call.out.show(
        {
            "project": project.name, "version": version.number, "status": version.status, "created": not found,
            "package": package.digest, "url": url, "arn": version.arn, "metrics": version.metrics, "dry_run": False,
        },
        f"Version {version.number} of {project.name} {was}: {version.status}.",
        *([f"Next: headgate approve {version.number}{where}"] if version.status == "PendingManualApproval" else []),
    )  # fmt: skip


def _register(call: Call, registry: "Registry", package: "Package", url: str, image: str) -> ModelVersion:
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
        image=image,
        model_data_url=url,
        environment={},
        metadata=metadata,
    )


def _remember(call: Call, package: "Package", version: ModelVersion) -> None:
    from headgate.cli.registered import Registered, remember

    record = package.record
    registered = Registered(version.number, package.digest, record.run, _metrics(package), record.held_out_sha256)
    remember(call.project.store, registered)


def _metrics(package: "Package") -> dict[str, float]:
    return {name: value for name, value in package.record.metrics.items() if value is not None}
