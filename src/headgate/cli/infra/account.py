"""What the infra commands ask an account: whether it is the one that is meant, and what of the environment is in it."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from headgate.hosting.aws import AwsConnection
    from headgate.infra.present import Present
    from headgate.infra.site import Site


def connected(site: "Site") -> "AwsConnection":
    """The account of the environment. Raises Refused where the credentials are of another one, or there are none."""
    from headgate.hosting.aws import AwsConnection

    connection = AwsConnection.of(site.project, site.environment, site.account, site.region)
    connection.require_account()
    return connection


def present(site: "Site", connection: "AwsConnection", *, endpoint: bool = True) -> "Present":
    """What of the environment is there. Raises Refused where it is another project's, or another environment's.

    `endpoint`: whether to look for one too; else there is none.
    """
    from headgate.hosting.removal import endpoint_tags
    from headgate.hosting.stacks import find_stack
    from headgate.infra.outline import KNOWN
    from headgate.infra.present import Present, require_own

    looked_for = ((key, find_stack(connection, site.stack(key))) for key in KNOWN)
    tags = endpoint_tags(connection, site.prefix) if endpoint else None
    found = Present({key: state for key, state in looked_for if state}, tags)
    require_own(site, found)
    return found
