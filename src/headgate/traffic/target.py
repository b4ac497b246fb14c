"""Which addresses may be loaded.

Load on somebody else's server is an attack, and on one's own in the cloud it costs money. So it goes to this machine,
or, where that is confirmed, to the front door of the project's own environment: API Gateway in the region that
headgate.yaml names, under the path that it names. Everything else is refused, whatever is confirmed.
"""

import ipaddress
from collections.abc import Callable, Mapping
from urllib.parse import SplitResult, urlsplit

from headgate.errors import Refused, UsageError
from headgate.spec.model import Environment, Spec

API_GATEWAY = "execute-api.{region}.amazonaws.com"


def check_target(url: str, project: Callable[[], Spec], *, confirmed: bool) -> None:
    """Raises UsageError for what is no address of a model, Refused for one that may not be loaded.

    `project` is asked only where the address is not this machine's.
    """
    parts = _parsed(url)
    if is_loopback(parts.hostname or ""):
        return
    spec = project()
    environment = _owner(parts, spec.route or "/invocations", spec.environments)
    if environment is None:
        raise Refused(
            f"{parts.hostname} is neither this machine nor a front door of project {spec.project}.",
            hint="Load goes to loopback, or to API Gateway in the region and under the path of an environment with "
            "`front` in headgate.yaml.",
        )
    front = spec.environments[environment].front
    if front is not None and front.auth == "iam":
        raise Refused(
            f"The front door of environment {environment} takes signed requests only, and virtual users do not sign.",
            hint="Load an environment with `auth: api-key`.",
        )
    if not confirmed:
        raise Refused(
            f"{url} is the front door of environment {environment} on AWS: every request there costs money.",
            hint="--yes says that this is wanted.",
        )


def is_loopback(host: str) -> bool:
    """Whether this is the machine itself, without asking any name server."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _parsed(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        raise UsageError(f"{url!r} is not a URL.", hint="Such as http://127.0.0.1:7411/predict-iris.") from None
    plain = url.isascii() and url.isprintable() and " " not in url
    if not plain or parts.scheme not in ("http", "https") or not parts.hostname or len(parts.path) < 2:
        raise UsageError(f"{url!r} is not the address of a model.", hint="http or https, a host and a path are needed.")
    if parts.username is not None or parts.fragment:
        raise UsageError("The URL may hold neither a user nor a fragment.", hint="A key has an option of its own.")
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        raise UsageError(f"{url} is not encrypted.", hint="Use https.")
    return parts


def _owner(parts: SplitResult, path: str, environments: Mapping[str, Environment]) -> str | None:
    for name, environment in environments.items():
        if environment.target != "aws" or environment.front is None or environment.region is None:
            continue
        gateway = "." + API_GATEWAY.format(region=environment.region)
        own_path = parts.path.endswith(f"/{environment.front.version}{path}")
        if parts.scheme == "https" and (parts.hostname or "").endswith(gateway) and own_path:
            return name
    return None
