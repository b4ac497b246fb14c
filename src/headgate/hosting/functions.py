"""Lambda functions whose image holds a model: the image in force, published versions, and the alias that callers reach.

    $LATEST    what the function would be next: an image and its settings. Nobody calls it
    version    $LATEST as it was when it was published, for good. Its description is the label that we give it
    alias      one version, and beside it at most one more with its share of the calls

An alias is moved by compare-and-set: `AliasState` carries the revision that was read, and Lambda refuses the move where
somebody has moved it since. What was moved twice to the same place, by two who went on from the same log, is no error.
"""

import json
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from headgate.core import names
from headgate.errors import HeadgateError, InvalidInput, NotFound, Refused, Unavailable
from headgate.hosting.session import Connection, domain_errors

ALIAS = names.ALIAS
LATEST = "$LATEST"
DIGEST = re.compile(r"@(sha256:[0-9a-f]{64})$")
WARM_UP = b'{"warmup": true}'
MOST_PAGES = 200
"""Pages of 50 versions: more than any function can have."""
_MOVED = re.compile(r"Moved by Headgate at (\S+)$")


@dataclass(frozen=True, slots=True)
class AliasState:
    """What an alias runs. `beside` gets `share` (0 to 1) of the calls, `version` the rest; empty where there is none.

    `moved` is when Headgate moved it last (epoch seconds), 0 where it never did.
    """

    arn: str
    revision: str
    version: str
    beside: str = ""
    share: float = 0.0
    moved: float = 0.0

    def runs(self, version: str, beside: str, share: float) -> bool:
        """Whether it is so."""
        return (self.version, self.beside) == (version, beside) and abs(self.share - share) < 1e-6


@dataclass(frozen=True, slots=True)
class Release:
    """`$LATEST`, or a published version: what it is made of, and whether Lambda has it ready."""

    version: str
    arn: str
    image: str
    told_settings: tuple[str, ...]
    hidden: str
    """Why Lambda does not tell the variables of the environment; empty where it does."""
    label: str
    revision: str
    modified: float
    busy: bool
    """Lambda is still fetching the image."""
    asleep: bool
    """Lambda has put the image away, as nobody asked for weeks. It fetches it again once it is asked."""
    failure: str
    """Why Lambda could not make it; empty where it could, or still may."""

    @property
    def settings(self) -> tuple[str, ...]:
        """What else a version keeps for good, as `key=value`: memory, time-out, and the variables of its environment.

        Raises Refused where these cannot be read: none would be other settings, and another version.
        """
        if self.hidden:
            raise Refused(
                f"The variables of {self.arn} cannot be read: {self.hidden}",
                hint="Whoever rolls out needs kms:Decrypt on the key that they are encrypted with.",
            )
        return self.told_settings


class Functions:
    """The part of Lambda's API that releases need."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    # ---- read

    def find(self, function: str, alias: str = ALIAS) -> AliasState | None:
        """What the alias runs; None where there is no such function or alias."""
        try:
            with domain_errors():
                return _alias(self._connection.functions.get_alias(FunctionName=function, Name=alias))
        except NotFound:
            return None

    def release(self, function: str, version: str = LATEST) -> Release:
        """A version, or what would be the next one. Raises NotFound."""
        qualifier = {} if version == LATEST else {"Qualifier": version}
        with domain_errors():
            return _release(self._connection.functions.get_function(FunctionName=function, **qualifier))

    def labelled(self, function: str, label: str) -> str | None:
        """The newest version of this label, or None."""
        found: str | None = None
        more: dict[str, str] = {}
        for _ in range(MOST_PAGES):
            with domain_errors():
                page = self._connection.functions.list_versions_by_function(FunctionName=function, MaxItems=50, **more)
            for version in page["Versions"]:
                if version.get("Description") == label and version["Version"] != LATEST:
                    found = version["Version"]
            if not page.get("NextMarker"):
                break
            more = {"Marker": page["NextMarker"]}
        return found

    def tags(self, arn: str) -> dict[str, str]:
        """The tags of a function, by its ARN without an alias."""
        with domain_errors():
            found: Mapping[str, str] = self._connection.functions.list_tags(Resource=arn).get("Tags", {})
        return dict(found)

    # ---- change

    def upload(self, function: str, image: str, revision: str) -> None:
        """Ask for another image in `$LATEST`, as it was at `revision`. Lambda takes some time over it."""
        with domain_errors():
            self._connection.functions.update_function_code(
                FunctionName=function, ImageUri=image, RevisionId=revision, Publish=False
            )

    def publish(self, function: str, label: str, revision: str) -> str:
        """The version that `$LATEST` is, as it was at `revision`. Lambda makes no second one of the same content.

        Raises Refused where that one is there already under another label.
        """
        with domain_errors():
            made = self._connection.functions.publish_version(
                FunctionName=function, Description=label, RevisionId=revision
            )
        if made.get("Description") != label:
            raise Refused(
                f"Version {made['Version']} of function {function} is this image already, but somebody else published "
                "it: Lambda makes no second one.",
                hint=f"Let the alias {ALIAS} run it, or register the model in another image.",
            )
        return str(made["Version"])

    def move(
        self,
        function: str,
        state: AliasState,
        version: str,
        *,
        now: float,
        beside: str = "",
        share: float = 0.0,
        alias: str = ALIAS,
    ) -> AliasState:
        """Let the alias run this, if it is as `state` says or runs it already. Raises Refused where it is otherwise."""
        moved = datetime.fromtimestamp(now, UTC).isoformat(timespec="milliseconds")
        try:
            with domain_errors():
                found = _alias(
                    self._connection.functions.update_alias(
                        FunctionName=function,
                        Name=alias,
                        FunctionVersion=version,
                        RoutingConfig={"AdditionalVersionWeights": {beside: share} if beside else {}},
                        Description=f"Moved by Headgate at {moved}",
                        RevisionId=state.revision,
                    )
                )
        except Refused as refused:
            present = self.find(function, alias)
            if present is None or not present.runs(version, beside, share):
                raise Refused(f"The alias {alias} of {function} was changed meanwhile: {refused.message}") from refused
            return present
        if not found.runs(version, beside, share):
            raise Refused(f"Lambda moved the alias {alias} of {function}, but not to what was asked for: {found}.")
        return found

    def tag(self, arn: str, tags: Mapping[str, str]) -> None:
        """Add or overwrite some tags."""
        with domain_errors():
            self._connection.functions.tag_resource(Resource=arn, Tags=dict(tags))

    def untag(self, arn: str, keys: Sequence[str]) -> None:
        """Take tags away; no error for one that is not there."""
        with domain_errors():
            self._connection.functions.untag_resource(Resource=arn, TagKeys=list(keys))

    # ---- ask

    def ask(self, function: str, qualifier: str, body: bytes) -> bytes:
        """The answer of an alias or a version to a direct invocation, whose event is the request.

        Raises InvalidInput where the model refused it, Unavailable where it failed.
        """
        with domain_errors():
            answer = self._connection.invoking.invoke(FunctionName=function, Qualifier=qualifier, Payload=body)
            said: bytes = answer["Payload"].read()
        if answer.get("FunctionError"):
            raise _failure(said)
        return said

    def wake(self, function: str, version: str) -> None:
        """Have Lambda fetch the image of a version that is asleep. What it answers meanwhile is of no interest."""
        with suppress(InvalidInput, Unavailable):
            self.ask(function, version, WARM_UP)


def _failure(said: bytes) -> HeadgateError:
    try:
        error = json.loads(said)
        kind, message = str(error.get("errorType", "")), str(error.get("errorMessage", ""))
    except (ValueError, AttributeError):
        kind, message = "", said[:300].decode(errors="replace")
    if kind == "InvalidInput":
        return InvalidInput(f"The model refused the request: {message}")
    return Unavailable(f"The function failed ({kind or 'no reason given'}): {message}", hint="Its log says more.")


def _alias(body: Mapping[str, Any]) -> AliasState:
    weights = body.get("RoutingConfig", {}).get("AdditionalVersionWeights", {})
    beside, share = next(iter(weights.items()), ("", 0.0))
    found = _MOVED.match(body.get("Description", ""))
    return AliasState(
        body["AliasArn"], body["RevisionId"], body["FunctionVersion"], beside, share, _epoch(found[1]) if found else 0.0
    )


def _release(body: Mapping[str, Any]) -> Release:
    is_now, code = body["Configuration"], body.get("Code", {})
    update = is_now.get("LastUpdateStatus", "Successful")
    states = (is_now.get("State", "Active"), update)
    reasons = (is_now.get("StateReason", ""), is_now.get("LastUpdateStatusReason", ""))
    inactive, asleep = states[0] == "Inactive", is_now.get("StateReasonCode", "Idle") == "Idle"
    failed = (states[0] == "Failed" or (inactive and not asleep), update == "Failed")
    failures = [reason or "Lambda gives no reason." for no, reason in zip(failed, reasons, strict=True) if no]
    return Release(
        is_now["Version"],
        is_now["FunctionArn"],
        code.get("ImageUri", ""),
        _settings(is_now),
        _hidden(is_now),
        is_now.get("Description", ""),
        is_now["RevisionId"],
        _epoch(is_now["LastModified"]),
        busy="Pending" in states or "InProgress" in states,
        asleep=inactive and asleep,
        failure=" ".join(failures),
    )


def _settings(configuration: Mapping[str, Any]) -> tuple[str, ...]:
    variables: Mapping[str, str] = configuration.get("Environment", {}).get("Variables", {})
    size = {name: configuration.get(name, 0) for name in ("MemorySize", "Timeout")}
    return tuple(f"{name}={value}" for name, value in (*size.items(), *sorted(variables.items())))


def _hidden(configuration: Mapping[str, Any]) -> str:
    error = configuration.get("Environment", {}).get("Error", {})
    return str(error.get("Message") or error.get("ErrorCode") or "Lambda gives no reason.") if error else ""


def _epoch(text: str) -> float:
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        return 0.0
