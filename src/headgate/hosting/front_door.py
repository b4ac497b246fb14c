"""The function between API Gateway and a SageMaker endpoint: a request comes in as HTTP and goes on as InvokeEndpoint.

It stands behind the same door as the model Lambda (`serving.aws_lambda`), so that paths, methods, CORS, warm-ups and
errors are the same whichever of the two answers. What it does itself:

* the body goes on as it came, 6 MB at most, with content type, Accept, and SageMaker's headers for the inference id and
  the custom attributes. A request without an inference id gets one, the request's own id: its answer can be joined with
  what was captured. The target variant is the caller's to choose only where the setting says so, for it overrules the
  weights of a rollout; other headers of SageMaker's are refused rather than ignored.
* a request is sent once. A second attempt would be a second request to the model, counted and paid for.
* what comes back as an error says what callers can do about it, and nothing about the account (`refusals`).

    HEADGATE_ENDPOINT            the endpoint; needed
    HEADGATE_LAMBDA_PATH         /invocations; where POST is answered, such as /v1/predict-student-score
    HEADGATE_CORS_ORIGINS        origins, separated by commas, whose pages may call; none by default
    HEADGATE_TARGET_VARIANT      refuse; allow lets callers choose the variant
    HEADGATE_FRONT_SECONDS       25; how long the endpoint may take. API Gateway waits for 29
    SAGEMAKER_MAX_PAYLOAD_IN_MB  6; a serverless endpoint takes 4
    AWS_REGION, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN    as Lambda sets them
    AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME    where the runtime API is, if not at AWS: the gateway of an engine

The function's own time-out has to be longer than HEADGATE_FRONT_SECONDS, or callers get a bare 502 of API Gateway's.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from headgate.core import headers as names
from headgate.errors import InvalidInput, NotAcceptable, UnsupportedMedia, UsageError
from headgate.hosting.refusals import told
from headgate.serving.aws_lambda.cors import Cors
from headgate.serving.aws_lambda.door import Context, Door, path_from
from headgate.serving.aws_lambda.events import Request
from headgate.serving.codecs import Answer

if TYPE_CHECKING:
    from mypy_boto3_sagemaker_runtime import SageMakerRuntimeClient

MEBIBYTE = 1_048_576
CONNECT_SECONDS = 2
NO_FILE = "/dev/null"

_NAME = re.compile(r"[A-Za-z0-9](-*[A-Za-z0-9]){0,62}", re.ASCII)
_PRINTED = re.compile(r"[\x20-\x7e]{0,1024}", re.ASCII)
_ID = re.compile(r"[\x21-\x7e][\x20-\x7e]{0,63}", re.ASCII)
_OURS = b"x-amzn-sagemaker-"
_PASSED = frozenset(name.encode() for name in (names.INFERENCE_ID, names.CUSTOM_ATTRIBUTES, names.TARGET_VARIANT))


@dataclass(frozen=True, slots=True)
class FrontSettings:
    """`max_body` in bytes, `seconds` for the endpoint to answer."""

    endpoint: str
    path: str = "/invocations"
    cors: Cors = field(default_factory=Cors)
    choose_variant: bool = False
    seconds: int = 25
    max_body: int = 6 * MEBIBYTE

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "FrontSettings":
        """Read the settings. Raises UsageError."""
        endpoint = environment.get("HEADGATE_ENDPOINT", "")
        if not _NAME.fullmatch(endpoint):
            raise UsageError(f"HEADGATE_ENDPOINT should be the name of an endpoint, got {endpoint!r}.")
        choice = environment.get("HEADGATE_TARGET_VARIANT") or "refuse"
        if choice not in ("allow", "refuse"):
            raise UsageError(f"HEADGATE_TARGET_VARIANT should be allow or refuse, got {choice!r}.")
        return cls(
            endpoint,
            path_from(environment),
            Cors.from_environment(environment),
            choice == "allow",
            _number(environment, "HEADGATE_FRONT_SECONDS", 25, 60),
            _number(environment, "SAGEMAKER_MAX_PAYLOAD_IN_MB", 6, 6) * MEBIBYTE,
        )


class FrontDoor:
    """The function that Lambda calls."""

    def __init__(self, settings: FrontSettings, client: "SageMakerRuntimeClient") -> None:
        self._settings = settings
        self._client = client
        self._door = Door(self, path=settings.path, cors=settings.cors)
        self.invocation = self._door.invocation

    def __call__(self, event: Any, context: Context) -> Any:
        """Answer one event. Raises InvalidInput for one that is no HTTP request."""
        return self._door(event, context)

    def post(self, request: Request, headers: dict[str, str]) -> Answer:
        """What the endpoint answers. Raises HeadgateErrors that callers may see."""
        from botocore.exceptions import BotoCoreError, ClientError

        asked = self._asked(request)
        asked.setdefault("InferenceId", headers[names.REQUEST_ID][:64])
        headers[names.INFERENCE_ID] = asked["InferenceId"]
        body = request.content(self._settings.max_body)
        try:
            answered = self._client.invoke_endpoint(EndpointName=self._settings.endpoint, Body=body, **asked)
            answer = Answer(answered["Body"].read(), answered.get("ContentType", ""))
        except (ClientError, BotoCoreError) as error:
            raise told(error, self._settings.endpoint) from None  # its text is in the log, where it may be
        for name, member in (
            (names.INVOKED_VARIANT, "InvokedProductionVariant"),
            (names.CUSTOM_ATTRIBUTES, "CustomAttributes"),
        ):
            if value := answered.get(member):
                headers[name] = str(value)
        return answer

    def direct(self, event: Any) -> Any:
        """Refuse. Raises InvalidInput."""
        del event
        raise InvalidInput(
            "The event is not an HTTP request.", hint="Call API Gateway, or ask the endpoint itself: InvokeEndpoint."
        )

    def _asked(self, request: Request) -> dict[str, str]:
        """What InvokeEndpoint is given beside the body. Raises InvalidInput, UnsupportedMedia, NotAcceptable."""
        for name in request.headers:
            if name.startswith(_OURS) and name not in _PASSED:
                shown = name.decode("latin-1")[:64]
                raise InvalidInput(f"{shown} is not passed on to the endpoint.", hint="Leave it out.")
        asked = {
            "ContentType": _printed(request, "content-type", UnsupportedMedia),
            "Accept": _printed(request, "accept", NotAcceptable),
            "CustomAttributes": _printed(request, names.CUSTOM_ATTRIBUTES, InvalidInput),
            "InferenceId": _matching(request, names.INFERENCE_ID, _ID, "1 to 64 printable ASCII characters"),
            "TargetVariant": _matching(request, names.TARGET_VARIANT, _NAME, "the name of a variant"),
        }
        if asked["TargetVariant"] and not self._settings.choose_variant:
            raise InvalidInput(
                f"{names.TARGET_VARIANT} is not taken here.",
                hint="Leave it out: the weights of the endpoint say which variant answers.",
            )
        if asked["Accept"] == "*/*":
            asked["Accept"] = ""
        return {name: value for name, value in asked.items() if value}


def runtime_client(environment: Mapping[str, str], seconds: int) -> "SageMakerRuntimeClient":
    """A client with the function's own role, which sends a request once. Raises UsageError without a region."""
    from botocore.config import Config
    from botocore.session import Session

    region = environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION")
    if not region:
        raise UsageError("AWS_REGION should be the region of the endpoint.", hint="Lambda sets it.")
    files = dict.fromkeys(("config_file", "credentials_file"), (None, None, NO_FILE, None))
    client = Session(session_vars=files).create_client(
        "sagemaker-runtime",
        region_name=region,
        config=Config(
            connect_timeout=CONNECT_SECONDS,
            read_timeout=seconds,
            retries={"mode": "standard", "total_max_attempts": 1},
            proxies={},
            user_agent_extra="headgate",
        ),
    )
    return cast("SageMakerRuntimeClient", client)


def _printed(request: Request, name: str, refusal: type[InvalidInput]) -> str:
    value = request.headers.get(name.encode(), b"").decode("latin-1").strip()
    if not _PRINTED.fullmatch(value):
        raise refusal(f"{name} should be at most 1024 printable ASCII characters.", hint="Look at what calls.")
    return value


def _matching(request: Request, name: str, pattern: re.Pattern[str], expected: str) -> str:
    value = request.headers.get(name.encode(), b"").decode("latin-1").strip()
    if value and not pattern.fullmatch(value):
        raise InvalidInput(f"{name} should be {expected}, got {value[:64]!r}.", hint="Look at what calls.")
    return value


def _number(environment: Mapping[str, str], name: str, default: int, most: int) -> int:
    value = environment.get(name) or str(default)
    if not re.fullmatch(r"[0-9]{1,3}", value, re.ASCII) or not 1 <= int(value) <= most:
        raise UsageError(f"{name} should be a whole number from 1 to {most}, got {value!r}.")
    return int(value)
