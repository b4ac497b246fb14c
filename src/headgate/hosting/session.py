"""A connection: clients with an explicit URL, region and keys, and AWS's errors turned into Headgate's.

The clients are botocore's own, as boto3's are, without the S3 transfer machinery that boto3 adds to every import
(`benchmarks/startup.py` has both). Neither environment, config files nor instance metadata are asked for
credentials, profiles or proxies: a laptop's default account must never receive what was meant for the engine.

The clients that ask models, SageMaker's runtime client and the one that invokes functions, never send a request twice.
A second attempt would count against the model twice, and which failures are worth another try is the caller's to say.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol, cast

from headgate.errors import HeadgateError, InvalidInput, NotFound, Overtaken, Refused, Unavailable

if TYPE_CHECKING:
    from botocore.exceptions import ClientError
    from botocore.session import Session
    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_sagemaker import SageMakerClient
    from mypy_boto3_sagemaker_runtime import SageMakerRuntimeClient

CONNECT_SECONDS = 2
CONTROL_READ_SECONDS = 30
RUNTIME_READ_SECONDS = 65  # the container has 60; its own time-out is the better message
INVOKE_READ_SECONDS = 65  # a function has 29, and its first start comes on top
NO_FILE = "/dev/null"

_MISSING = ("could not find", "does not exist", "not found")
_REFUSED = ("already exist", "in-progress", "in progress", "cannot update", "cannot delete")
_DENIED = ("AccessDenied", "AccessDeniedException", "AuthorizationError", "UnauthorizedOperation")
_KEYS_REFUSED = ("ExpiredToken", "ExpiredTokenException", "InvalidSignatureException", "UnrecognizedClientException",
                 "SignatureDoesNotMatch", "InvalidClientTokenId", "IncompleteSignature", "MissingAuthenticationToken",
                 "MissingAuthenticationTokenException")  # fmt: skip

_OVERTAKEN = ("PreconditionFailedException", "ResourceConflictException")
"""Lambda's own: where another call was first."""
_LATER = ("ModelNotReadyException", "ResourceNotReadyException", "CodeArtifactUserPendingException",
          "CodeArtifactUserFailedException", "CodeArtifactUserDeletedException",
          "Throttling", "ThrottlingException", "ThrottledException", "RequestThrottled", "RequestThrottledException",
          "TooManyRequestsException", "RequestLimitExceeded", "LimitExceededException", "BandwidthLimitExceeded",
          "ProvisionedThroughputExceededException", "SlowDown", "EC2ThrottledException",
          "TransactionInProgressException", "PriorRequestNotComplete", "RequestTimeout",
          "RequestTimeoutException")  # fmt: skip
_LATER_STATUS = (408, 429)
"""What is answered in a while: what is not ready yet, and whatever botocore takes for throttling or passing."""


class Account(Protocol):
    """Whoever makes clients of AWS's services."""

    def client(self, service: str, *, attempts: int) -> Any:
        """A client of a service."""


@dataclass(frozen=True)
class Connection:
    """Where the API is and how to sign for it. Clients are made when they are first used."""

    control_url: str
    runtime_url: str
    region: str
    access_key: str
    secret_key: str
    role: str = "arn:aws:iam::000000000000:role/headgate"
    """What models run as. The engine only keeps it, as AWS's API asks for one."""
    environment: str = ""
    """On AWS, which environment this is: it has a model package group of its own, and models are made from the
    registered package. Empty for the engine on this machine, whose registry all environments share."""

    @cached_property
    def control(self) -> "SageMakerClient":
        """The SageMaker client."""
        return cast("SageMakerClient", self._client("sagemaker", self.control_url, CONTROL_READ_SECONDS, attempts=3))

    @cached_property
    def runtime(self) -> "SageMakerRuntimeClient":
        """The SageMaker runtime client."""
        client = self._client("sagemaker-runtime", self.runtime_url, RUNTIME_READ_SECONDS, attempts=1)
        return cast("SageMakerRuntimeClient", client)

    @cached_property
    def metrics(self) -> "CloudWatchClient":
        """The CloudWatch client."""
        return cast("CloudWatchClient", self._client("cloudwatch", self.control_url, CONTROL_READ_SECONDS, attempts=3))

    @cached_property
    def functions(self) -> Any:
        """The Lambda client, but for Invoke. Every call that we make may be made again."""
        return self._client("lambda", self.control_url, CONTROL_READ_SECONDS, attempts=3)

    @cached_property
    def invoking(self) -> Any:
        """The Lambda client that invokes functions."""
        return self._client("lambda", self.control_url, INVOKE_READ_SECONDS, attempts=1)

    def make_clients(self) -> None:
        """Make all clients now. They may be shared between threads; making them may not."""
        for client in (self.control, self.metrics, self.runtime):
            client.meta.config  # noqa: B018

    @cached_property
    def _session(self) -> "Session":
        from botocore.session import Session

        return Session(
            session_vars={
                "profile": (None, None, None, None),
                "config_file": (None, None, NO_FILE, None),
                "credentials_file": (None, None, NO_FILE, None),
            }
        )

    def _client(self, service: str, url: str, read_seconds: int, *, attempts: int) -> Any:
        from botocore.config import Config

        return self._session.create_client(
            service,
            region_name=self.region,
            endpoint_url=url,
            aws_access_key_id=self.access_key,
            aws_secret_access_key=self.secret_key,
            config=Config(
                connect_timeout=CONNECT_SECONDS,
                read_timeout=read_seconds,
                retries={"mode": "standard", "total_max_attempts": attempts},
                proxies={},
                user_agent_extra="headgate",
            ),
        )


@contextmanager
def domain_errors() -> Iterator[None]:
    """Turn whatever botocore raises inside into NotFound, Refused, InvalidInput or Unavailable."""
    from botocore import exceptions

    try:
        yield
    except exceptions.ClientError as error:
        raise _translate(error) from error
    except exceptions.ParamValidationError as error:
        raise InvalidInput(str(error)) from error
    except (exceptions.HTTPClientError, exceptions.ConnectionError) as error:
        # EndpointConnectionError, time-outs and cut connections; all of them know the URL or have it in their text.
        url = str(error.kwargs.get("endpoint_url", ""))
        who = "AWS" if ".amazonaws.com" in f"{url}{error}" else "The engine"
        raise Unavailable(
            f"{who} does not answer at {url}." if url else f"{who} does not answer: {error}.",
            hint="Is the network there?" if who == "AWS" else "Is it running? `headgate status`, `headgate up`.",
        ) from error
    except exceptions.BotoCoreError as error:  # no credentials, no such profile, a login that has run out
        raise Refused(
            f"There are no AWS credentials to use: {error}", hint="`aws sts get-caller-identity` has to work first."
        ) from error


def _translate(error: "ClientError") -> HeadgateError:
    body: dict[str, Any] = cast("dict[str, Any]", error.response)
    code = body.get("Error", {}).get("Code", "")
    message = body.get("Error", {}).get("Message", "") or str(error)
    status = body.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    lower = message.lower()
    if code == "ModelError":
        return _model_error(body, message)
    if code in _KEYS_REFUSED:
        return Refused(
            f"The API refused our keys: {message}",
            hint="The engine's: `headgate up` writes the right ones. AWS's: are they of this account, and not expired?",
        )
    if code in _DENIED:
        return Refused(f"The API denies it: {message}", hint="`headgate infra synth` shows what each role may do.")
    if status >= 500 or status in _LATER_STATUS or code in _LATER:  # whatever its text says of "in progress"
        return Unavailable(f"{code}: {message}", hint="Try again. The engine's: `headgate logs --of engine` says more.")
    if code.startswith("ResourceNotFound") or (status in (400, 404) and any(text in lower for text in _MISSING)):
        return NotFound(message, hint="`headgate status` lists what there is.")
    if code in _OVERTAKEN:
        return Overtaken(message)
    if code in (
        "ResourceInUse",
        "ConflictException",
        "ResourceLimitExceeded",
        "LimitExceeded",
        "CodeStorageExceededException",
    ) or any(text in lower for text in _REFUSED):
        return Refused(message)
    return InvalidInput(message)


def _model_error(body: dict[str, Any], message: str) -> HeadgateError:
    status = body.get("OriginalStatusCode") or 0
    said, hint = _said_by_model(str(body.get("OriginalMessage") or message).strip())
    if 400 <= status < 500:
        return InvalidInput(f"The model refused the request ({status}): {said}", hint=hint)
    failed = f"The model failed ({status})" if status else "The model failed"
    return Unavailable(f"{failed}: {said}", hint=hint or "`headgate logs` shows what the model server wrote.")


def _said_by_model(text: str) -> tuple[str, str]:
    """Message and hint of an error as our model server writes it; of any other container the text as it is."""
    try:
        error = json.loads(text)["error"]
        return str(error["message"]), str(error.get("hint", ""))
    except (ValueError, KeyError, TypeError, AttributeError):
        return text, ""
