"""Where an environment is, and everything that differs between there and here. The only place that picks.

local   the engine on this machine, the project's own folder, the runner
aws     an account: AWS's API, the environment's bucket, the state machine
"""

import time
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

from headgate.core import names
from headgate.core.manifest import SERVING_IMAGE
from headgate.core.versions import ModelVersion
from headgate.errors import InvalidInput, NotFound, UsageError

if TYPE_CHECKING:
    from headgate.data.bucket import BucketStore
    from headgate.data.packages import Package
    from headgate.engine.home import Home
    from headgate.hosting.aws import AwsConnection, Machine
    from headgate.hosting.session import Connection
    from headgate.pipeline.probe import Row
    from headgate.pipeline.rollouts import Rollout, Rollouts
    from headgate.pipeline.terms import Terms
    from headgate.spec import Project

LOCAL_BUCKET = "headgate-local"


class Target(Protocol):
    """One environment of a project."""

    @property
    def connection(self) -> "Connection":
        """Its API. Raises Unavailable where the engine does not run, Refused where the account is another."""

    @property
    def rollouts(self) -> "Rollouts":
        """Its rollouts."""

    @property
    def row(self) -> "Row":
        """What its deployments are probed with."""

    def image(self, asked: str | None, version: str) -> str:
        """The image that versions are registered with. Raises UsageError for one that may not be."""

    def url(self, package: "Package") -> str:
        """Where a package's archive belongs."""

    def keep(self, package: "Package") -> None:
        """Put a package's archive there, and what its deployments are probed with."""

    def require_archive(self, version: ModelVersion) -> None:
        """See that the archive of a version is there. Raises NotFound, InvalidInput."""

    def launch(self, terms: "Terms", *, by: str) -> "Rollout":
        """Start a rollout or rollback; from now on it is taken on. Raises Refused where another was first."""

    def told(self, rollout: "Rollout") -> None:
        """Somebody wrote into a rollout's log: whoever takes it on has to look."""


def target_of(home: "Home", project: "Project", environment: str) -> Target:
    """The environment of this name, which headgate.yaml has."""
    settings = project.spec.environments[environment]
    if settings.target == "local":
        return LocalTarget(home, project, environment)
    return AwsTarget(project, environment, settings.account or "", settings.region or "")


@dataclass(frozen=True)
class LocalTarget:
    """See `Target`."""

    home: "Home"
    project: "Project"
    environment: str

    @cached_property
    def connection(self) -> "Connection":
        """See `Target`."""
        from headgate.wiring.local import connect

        return connect(self.home)

    @property
    def rollouts(self) -> "Rollouts":
        """See `Target`."""
        from headgate.data.store import Store
        from headgate.pipeline.rollouts import Rollouts

        return Rollouts(Store(self.project.store), self.environment)

    @property
    def row(self) -> "Row":
        """See `Target`."""
        from headgate.pipeline.probe import rows_in

        return rows_in(self.project.store)

    def image(self, asked: str | None, version: str) -> str:
        """See `Target`."""
        return asked or f"{SERVING_IMAGE}:{version}"

    def url(self, package: "Package") -> str:
        """See `Target`."""
        return f"s3://{LOCAL_BUCKET}/{self.project.name}/{package.digest}/model.tar.gz"

    def keep(self, package: "Package") -> None:
        """See `Target`. One that was deleted or damaged is put back."""
        from headgate.core.digest import sha256_file
        from headgate.data.store import LocalBuckets

        url, buckets = self.url(package), LocalBuckets(self.home.store)
        with suppress(NotFound):
            if sha256_file(buckets.open(url)) == package.digest:
                return
        buckets.upload(package.path, url)

    def require_archive(self, version: ModelVersion) -> None:
        """See `Target`."""
        from headgate.core.digest import sha256_file
        from headgate.data.store import LocalBuckets
        from headgate.hosting.registry import DIGEST

        url, digest = version.model_data_url, version.metadata.get(DIGEST)
        if digest is None or not url.startswith(f"s3://{LOCAL_BUCKET}/"):
            return  # somebody else's registration: the engine will say
        hint = "Run `headgate register` in a project folder whose newest package it is, or deploy another version."
        try:
            archive = LocalBuckets(self.home.store).open(url)
        except NotFound as error:
            raise NotFound(f"The package of version {version.number} is gone. {error.message}", hint=hint) from None
        if sha256_file(archive) != digest:
            raise InvalidInput(f"The package of version {version.number} is damaged: {archive}.", hint=hint)

    def launch(self, terms: "Terms", *, by: str) -> "Rollout":
        """See `Target`."""
        from headgate.wiring.runner import launch

        return launch(self.home, self.project.store, terms, by=by)

    def told(self, rollout: "Rollout") -> None:
        """See `Target`. The runner looks by itself."""


@dataclass(frozen=True)
class AwsTarget:
    """See `Target`."""

    project: "Project"
    environment: str
    account: str
    region: str

    @cached_property
    def connection(self) -> "AwsConnection":
        """See `Target`."""
        from headgate.hosting.aws import AwsConnection

        made = AwsConnection.of(self.project.name, self.environment, self.account, self.region)
        made.require_account()
        return made

    @cached_property
    def store(self) -> "BucketStore":
        """The environment's bucket."""
        return bucket_of(self.connection, self.project.name)

    @property
    def rollouts(self) -> "Rollouts":
        """See `Target`."""
        from headgate.pipeline.rollouts import Rollouts

        return Rollouts(self.store, self.environment)

    @property
    def row(self) -> "Row":
        """See `Target`."""
        from headgate.pipeline.probe import rows_beside_packages

        return rows_beside_packages(self.store)

    @cached_property
    def machine(self) -> "Machine":
        """The state machine."""
        from headgate.hosting.aws import Machine

        return Machine(self.connection, self.project.name)

    def image(self, asked: str | None, version: str) -> str:  # noqa: ARG002  # a tag of ours is nothing on AWS
        """See `Target`."""
        name, _, digest = (asked or "").partition("@sha256:")
        if not name or len(digest) != 64 or set(digest) - set("0123456789abcdef"):
            repository = names.repository(self.project.name, self.environment)
            said = f"{asked!r} has no digest" if asked else "On AWS a version is registered with an image"
            raise UsageError(
                f"{said}: --image should be ACCOUNT.dkr.ecr.REGION.amazonaws.com/{repository}@sha256:...; tags move.",
                hint="`headgate image` writes what it is built from; pushing it tells the digest.",
            )
        return f"{name}@sha256:{digest}"

    def url(self, package: "Package") -> str:
        """See `Target`."""
        return f"{self.store}/{names.package_key(package.digest)}"

    def keep(self, package: "Package") -> None:
        """See `Target`."""
        from headgate.pipeline.probe import row_of_run

        self.store.upload(package.path, names.package_key(package.digest))
        with suppress(NotFound, InvalidInput):  # without its run here, deployments of it are not probed
            self.store.put(names.row_key(package.digest), row_of_run(self.project.store, package.record.run))

    def require_archive(self, version: ModelVersion) -> None:
        """See `Target`."""
        from headgate.hosting.registry import DIGEST

        key = names.package_key(version.metadata.get(DIGEST, "none"))
        if version.model_data_url == f"{self.store}/{key}" and not self.store.exists(key):
            raise NotFound(
                f"The package of version {version.number} is gone: there is no {version.model_data_url}.",
                hint=f"`headgate register --env {self.environment}` puts it back.",
            )

    def launch(self, terms: "Terms", *, by: str) -> "Rollout":
        """See `Target`."""
        from headgate.wiring.delivery import launch

        return launch(self.machine, self.rollouts, terms, at=time.time(), by=by)

    def told(self, rollout: "Rollout") -> None:
        """See `Target`. A machine that has stopped is started again."""
        from headgate.wiring.delivery import resume

        run = rollout.run()
        if run.token:
            self.machine.answer(run.token, go_on=run.ending is None)
        resume(self.machine, rollout)


def bucket_of(connection: "AwsConnection", project: str) -> "BucketStore":
    """The bucket of an environment."""
    from headgate.data.bucket import BucketStore, S3Access

    name = names.bucket(project, connection.environment, connection.account, connection.region)
    return BucketStore(f"s3://{name}", S3Access(connection.region, connection.keys, connection.s3_endpoint))
