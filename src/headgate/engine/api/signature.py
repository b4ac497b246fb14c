"""Signature Version 4, verified: the request is signed again with botocore's own signer and the results compared.

The engine starts processes, so even on loopback nobody may speak to it without the secret key. Verified are: the key,
the date (within 15 minutes), the region, the body's digest, and that Host and every `x-amz-*` header are signed.
Nothing remembers signatures: like AWS, a request that is sent again within those minutes is accepted again.
"""

import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.client import HTTPMessage

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from headgate.core.digest import sha256
from headgate.engine.api.errors import ApiError

TOLERANCE = timedelta(minutes=15)
DATE_FORMAT = "%Y%m%dT%H%M%SZ"
REGIONLESS = ("iam", "sts")
"""Services whose clients sign for a region of their own choice."""

_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=([^/,\s]+)/(\d{8})/([\w-]+)/([\w-]+)/aws4_request"
    r",\s*SignedHeaders=([\w;.-]+),\s*Signature=([0-9a-f]{64})",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """An HTTP request as it came. Header names in lower case; `target` is path and query, undecoded."""

    method: str
    target: str
    headers: Sequence[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str:
        """The value of a header, or nothing."""
        return next((value for key, value in self.headers if key == name), "")


class Verifier:
    """Verifies requests against one pair of keys."""

    def __init__(self, access_key: str, secret_key: str, region: str) -> None:
        self._access_key = access_key
        self._secret_key = secret_key
        self._region = region

    def verify(self, request: SignedRequest, now: datetime) -> None:
        """Raises ApiError unless the request was signed with the secret key, for this region, at about `now`."""
        authorization = request.header("authorization")
        if not authorization:
            raise ApiError(
                "MissingAuthenticationTokenException",
                "Missing Authentication Token. Sign requests with the engine's keys; `headgate env` prints them.",
                403,
            )
        found = _AUTHORIZATION.fullmatch(authorization)
        if not found:
            raise ApiError("IncompleteSignatureException", "The Authorization header is not a Signature Version 4.")
        access_key, day, region, service, names, signature = found.groups()
        if not hmac.compare_digest(access_key.encode(), self._access_key.encode()):
            raise ApiError(
                "UnrecognizedClientException",
                "The security token included in the request is invalid. These are not the keys of this engine; "
                "`headgate env` prints them.",
                403,
            )
        if service not in REGIONLESS and region != self._region:
            raise _refused(f"Credential should be scoped to a valid region: {self._region}, not {region}.")
        self._check_signed(request, names.split(";"))
        stamp = _checked_date(request.header("x-amz-date"), day, now)
        expected = self._sign(request, names.split(";"), stamp, region, service)
        if not hmac.compare_digest(signature, expected):
            raise _refused(
                "The request signature we calculated does not match the signature you provided. "
                "Check your AWS Secret Access Key and signing method."
            )

    def _check_signed(self, request: SignedRequest, names: list[str]) -> None:
        must = {name for name, _ in request.headers if name == "host" or name.startswith("x-amz-")}
        if unsigned := sorted((must | {"host", "x-amz-date"}) - set(names)):
            raise _refused(f"There were headers present in the request which were not signed: {', '.join(unsigned)}.")
        claimed = request.header("x-amz-content-sha256")
        if claimed and claimed != sha256(request.body):
            raise _refused("The value of x-amz-content-sha256 is not the digest of the body.")

    def _sign(self, request: SignedRequest, names: list[str], stamp: str, region: str, service: str) -> str:
        signer = _Signer(Credentials(self._access_key, self._secret_key), service, region)
        again = AWSRequest(method=request.method, url=f"http://{request.header('host')}{request.target}")
        for name, value in request.headers:
            if name in names:
                again.headers.add_header(name, value)
        again.data = request.body
        again.context["timestamp"] = stamp
        return signer.signature(signer.string_to_sign(again, signer.canonical_request(again)), again)


class _Signer(SigV4Auth):
    """Signs exactly the headers it is given, also those that botocore as a client leaves out."""

    def headers_to_sign(self, request: AWSRequest) -> HTTPMessage:
        return request.headers

    def payload(self, request: AWSRequest) -> str:
        return sha256(bytes(request.data or b""))


def _refused(message: str) -> ApiError:
    return ApiError("InvalidSignatureException", message, 403)


def _checked_date(stamp: str, day: str, now: datetime) -> str:
    try:
        signed = datetime.strptime(stamp, DATE_FORMAT).replace(tzinfo=UTC)
    except ValueError:
        raise _refused(f"X-Amz-Date should be like 20260131T235959Z, got {stamp!r}.") from None
    if not stamp.startswith(day):
        raise _refused(f"Date in Credential scope does not match YYYYMMDD of X-Amz-Date: {day}, {stamp}.")
    if signed < now - TOLERANCE:
        raise _refused(f"Signature expired: {stamp} is now earlier than {now - TOLERANCE:{DATE_FORMAT}}.")
    if signed > now + TOLERANCE:
        raise _refused(f"Signature not yet current: {stamp} is still later than {now + TOLERANCE:{DATE_FORMAT}}.")
    return stamp
