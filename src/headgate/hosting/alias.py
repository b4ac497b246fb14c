"""A rollout in Lambda's terms: what is asked of a function and its alias for each step.

    start      put the image into the function, publish it; then alias {version: as it is, beside: the new one at 0}
    shift      the share of the one beside
    promote    alias {version: the new one}
    go back    alias {version: the one from before}

A version is labelled as endpoint configs are named (`iris-production-v12-1a2b3c4d`: the model version, and a digest of
image and settings), so the label is known before Lambda gives the version its number. What an alias runs is
called by the labels: `A`, `A+B` where B is beside it, and the bare number of a version that has no label of ours.

Images go by digest. Bringing a version there takes Lambda a while, so `bring` takes one step at a time and is called
again: whatever was done before, or is being done, by whomever, is found so.

What nobody has asked for weeks is asleep, and fails the first who asks. A version is woken before callers get it; that
`$LATEST` sleeps is usual, and keeps nobody from changing it.
"""

from headgate.core.endpoints import EndpointState, VariantState
from headgate.core.versions import ModelVersion
from headgate.errors import NotFound, Overtaken, Refused
from headgate.hosting.canary import CANARY
from headgate.hosting.deployment import VARIANT, Place, named, version_in
from headgate.hosting.functions import DIGEST, LATEST, AliasState, Functions, Release

BESIDE = "+"


def image_of(version: ModelVersion) -> str:
    """The image of a version. Raises Refused where it does not go by digest: a tag may be another image tomorrow."""
    if not DIGEST.search(version.image):
        raise Refused(
            f"Version {version.number} of {version.project} is not in an image by digest: {version.image!r}.",
            hint="Register it with repository@sha256:... of the image that `headgate image --for lambda` made.",
        )
    return version.image


def label_of(version: ModelVersion, place: Place, release: Release) -> str:
    """What a version is called that has this model, and the settings that the function has now."""
    return named(place, version.number, [_digest(image_of(version)), *release.settings])


def same_image(one: str, other: str) -> bool:
    """Whether two images are one, wherever they are kept."""
    return bool(DIGEST.search(one)) and _digest(one) == _digest(other)


def bring(functions: Functions, function: str, version: ModelVersion, place: Place, label: str) -> str | None:
    """The function's version of this label, once Lambda has it ready; until then None, and the next step asked for.

    An image that Lambda fails to take is asked for again: who asked sees the failure in the `state`, and may stop.
    Raises Refused where Lambda cannot make the version, and where the function was changed so that it would be another.
    """
    image = image_of(version)
    published = functions.labelled(function, label)
    if published is not None:
        found = functions.release(function, published)
        if not same_image(found.image, image):
            raise Refused(f"Version {published} is labelled {label}, but has another image: {found.image}.")
        return published if ready(functions, function, found) else None
    latest = functions.release(function)
    if latest.busy:
        return None
    if label_of(version, place, latest) != label:
        raise Refused(
            f"The settings of function {function} were changed since the rollout was started.",
            hint="Start it again: the new settings are a part of what is rolled out.",
        )
    try:
        if latest.failure or not same_image(latest.image, image):
            functions.upload(function, image, latest.revision)
        else:
            functions.publish(function, label, latest.revision)
    except Overtaken:
        if not _goes_on(functions, function, latest, label):
            raise
    return None


def _goes_on(functions: Functions, function: str, latest: Release, label: str) -> bool:
    """Whether it is worth looking again, where `$LATEST` was not to be changed as it had been read."""
    present = functions.release(function)
    if present.asleep:
        functions.wake(function, LATEST)
        return True
    return present.busy or present.revision != latest.revision or functions.labelled(function, label) is not None


def ready(functions: Functions, function: str, release: Release) -> bool:
    """Whether a published version answers callers; one that is asleep is woken. Raises Refused where it never will."""
    if release.failure:
        raise Refused(f"Lambda could not make version {release.version}: {release.failure}")
    if release.asleep:
        functions.wake(function, release.version)
    return not (release.busy or release.asleep)


def number_of(functions: Functions, function: str, label: str) -> str:
    """The version that a label, or a bare number, is of. Raises NotFound."""
    if label.isdecimal():
        return label
    found = functions.labelled(function, label)
    if found is None:
        raise NotFound(f"Function {function} has no version {label}.", hint="Was it deleted? Roll another one out.")
    return found


class Labels:
    """The labels of a function's versions. A version never changes, so each is asked for once."""

    def __init__(self, functions: Functions, function: str) -> None:
        self._functions, self._function = functions, function
        self._known: dict[str, str] = {}

    def of(self, version: str) -> str:
        """The label; the number itself where it has none of ours."""
        if version not in self._known:
            label = self._functions.release(self._function, version).label
            self._known[version] = label if version_in(label) else version
        return self._known[version]

    def find(self) -> EndpointState | None:
        """What the alias runs now, told as of an endpoint; None where there is no such alias."""
        alias = self._functions.find(self._function)
        return self.state(alias, self._functions.release(self._function)) if alias else None

    def state(self, alias: AliasState, latest: Release) -> EndpointState:
        """What the alias runs, told as of an endpoint. An image that Lambda could not take is told as its failure."""
        variants = [_variant(VARIANT, 100.0 * (1.0 - alias.share))]
        config = self.of(alias.version)
        if alias.beside:
            config = f"{config}{BESIDE}{self.of(alias.beside)}"
            variants.append(_variant(CANARY, 100.0 * alias.share))
        modified = max(alias.moved, latest.modified)
        arn = latest.arn.removesuffix(":$LATEST")
        return EndpointState(self._function, arn, "InService", config, tuple(variants), latest.failure, modified)


def _variant(name: str, weight: float) -> VariantState:
    return VariantState(name, weight, weight, 1, 1)


def _digest(image: str) -> str:
    found = DIGEST.search(image)
    return found[1] if found else image
