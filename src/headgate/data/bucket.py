"""A store in an S3 bucket: the same five calls as `data.store.Store` has for a folder.

S3 keeps what it has acknowledged, so nothing is synced here. A create-only write is S3's own (`If-None-Match: *`): of
writers that race, one is told that it won. A write whose answer was lost is sent again and then finds itself there; so
a refusal is believed only where other bytes are there. Where none are there yet, somebody else is writing at this very
moment, and who asks again will know more.
"""

import itertools
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from headgate.data.store import BUCKET, checked_key
from headgate.errors import HeadgateError, InvalidInput, NotFound, Refused, Unavailable

if TYPE_CHECKING:
    from obstore.store import ClientConfig, RetryConfig, S3Credential, S3Store

ADDRESS = re.compile(r"s3://([^/]+)(?:/(.*?))?/?", re.DOTALL)
TIMEOUT = "20s"


@dataclass(frozen=True, slots=True)
class S3Access:
    """How to reach S3. `endpoint` is empty for AWS's own; `credentials` are asked for when they are needed, and anew
    when they have expired: nothing is read from this machine's environment or files here."""

    region: str
    credentials: "Callable[[], S3Credential]"
    endpoint: str = ""


class BucketStore:
    """Bytes by key, below a prefix of a bucket. `str()` is its address."""

    def __init__(self, address: str, access: S3Access) -> None:
        """`address` is `s3://bucket` or `s3://bucket/prefix`. Raises InvalidInput for another one."""
        found = ADDRESS.fullmatch(address)
        if found is None or not BUCKET.fullmatch(found[1]):
            raise InvalidInput(f"{address!r} is not an address of the form s3://bucket/prefix.")
        self.bucket, self.prefix = found[1], checked_key(found[2]) if found[2] else ""
        self._access = access

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.prefix}".rstrip("/")

    def put(self, key: str, data: bytes, *, create_only: bool = False) -> None:
        """See `Objects`."""
        import obstore
        from obstore.exceptions import AlreadyExistsError

        try:
            with self._errors(f"write {self}/{key}"):
                obstore.put(self._objects, checked_key(key), data, mode="create" if create_only else "overwrite")
        except AlreadyExistsError:
            self._refuse_unless_ours(key, data)

    def upload(self, source: Path, key: str) -> None:
        """Copy a file to `key`, in parts where it is large; nothing where one of this size is there."""
        import obstore

        if self._size(key) == source.stat().st_size:
            return
        with self._errors(f"write {self}/{key}"):
            obstore.put(self._objects, checked_key(key), source)

    def get(self, key: str) -> bytes:
        """See `Objects`."""
        import obstore

        with self._errors(f"read {self}/{key}", missing=f"There is no {key} in {self}."):
            return obstore.get(self._objects, checked_key(key)).bytes().to_bytes()

    def exists(self, key: str) -> bool:
        """See `Objects`."""
        return self._size(key) is not None

    def list(self, prefix: str = "") -> list[str]:
        """See `Objects`."""
        import obstore

        with self._errors(f"list {self}"):
            batches = obstore.list(self._objects, prefix.rstrip("/") or None)
            return sorted(found["path"] for found in itertools.chain.from_iterable(batches))

    def folders(self, prefix: str) -> Sequence[str]:
        """See `Objects`."""
        import obstore

        with self._errors(f"list {self}"):
            found = obstore.list_with_delimiter(self._objects, prefix.rstrip("/"))
        return sorted(path.rstrip("/").rpartition("/")[2] for path in found["common_prefixes"])

    def _size(self, key: str) -> int | None:
        import obstore

        try:
            with self._errors(f"look for {self}/{key}"):
                return obstore.head(self._objects, checked_key(key))["size"]
        except NotFound:
            return None

    def _refuse_unless_ours(self, key: str, data: bytes) -> None:
        try:
            there = self.get(key)
        except NotFound:
            raise Unavailable(f"Somebody else is writing {self}/{key}.", hint="Try again.") from None
        if there != data:
            raise Refused(f"{self}/{key} cannot be written: it exists already.")

    @cached_property
    def _objects(self) -> "S3Store":
        from obstore.store import S3Store

        plain = self._access.endpoint.startswith("http://")
        client: ClientConfig = {"timeout": TIMEOUT, "connect_timeout": "3s", "allow_http": plain}
        retry: RetryConfig = {"max_retries": 3}
        more = {"endpoint": self._access.endpoint} if self._access.endpoint else {}
        return S3Store(
            self.bucket,
            prefix=self.prefix or None,
            region=self._access.region,
            client_options=client,
            retry_config=retry,
            credential_provider=self._access.credentials,
            virtual_hosted_style_request=not more,
            **more,  # type: ignore[arg-type]
        )

    @contextmanager
    def _errors(self, doing: str, *, missing: str = "") -> Iterator[None]:
        """Turn what obstore raises into our errors; AlreadyExistsError is the caller's."""
        from obstore import exceptions

        try:
            yield
        except HeadgateError:
            raise
        except exceptions.AlreadyExistsError:
            raise
        except (FileNotFoundError, exceptions.NotFoundError) as error:  # obstore raises the former
            if "NoSuchBucket" in str(error):
                raise NotFound(
                    f"There is no bucket {self.bucket}.",
                    hint="`headgate infra deploy` makes what an environment needs.",
                ) from None
            raise NotFound(missing or f"Could not {doing}: it is not there.") from None
        except (exceptions.PermissionDeniedError, exceptions.UnauthenticatedError) as error:
            raise Refused(
                f"AWS does not let us {doing}: {_reason(error)}",
                hint="Whose keys are these? `aws sts get-caller-identity`",
            ) from None
        except exceptions.BaseError as error:
            raise Unavailable(f"Could not {doing}: {_reason(error)}", hint="Try again.") from None


def _reason(error: Exception) -> str:
    """What obstore says, without its debugging part."""
    return " ".join(str(error).partition("Debug source:")[0].split())[:300]
