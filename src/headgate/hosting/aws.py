"""A connection to AWS itself: the default chain of credentials, AWS's own endpoints, and the account that is meant.

Only environments with `target: aws` come here. Profile, environment, role: whatever the aws CLI would use is used.
`AWS_ENDPOINT_URL` and its like are honoured as the CLI honours them. The account is checked before anything else is
asked: a laptop's default account is seldom the one that headgate.yaml means.
"""

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, NotRequired, TypedDict

from headgate.core import names
from headgate.errors import InvalidInput, NotFound, Refused
from headgate.hosting.regions import require_region
from headgate.hosting.session import Connection, domain_errors

if TYPE_CHECKING:
    from datetime import datetime

    from botocore.session import Session


class Keys(TypedDict):
    """Credentials, as object stores take them."""

    access_key_id: str
    secret_access_key: str
    token: NotRequired[str | None]
    expires_at: "datetime | None"


@dataclass(frozen=True)
class AwsConnection(Connection):
    """The API of one AWS account and region. `environment` is which of the project's it is for: its model package
    group and its bucket are of that name."""

    account: str = ""

    @classmethod
    def of(cls, project: str, environment: str, account: str, region: str) -> "AwsConnection":
        """The connection of one environment; nothing is asked yet."""
        role = names.role_arn(account, region, names.execution_role(project, environment))
        return cls("", "", region, "", "", role=role, environment=environment, account=account)

    def require_account(self) -> None:
        """Raises Refused where the credentials are another account's, or there are none; UsageError for no region."""
        require_region(self.region, self.environment)
        with domain_errors():
            whose = self.client("sts", attempts=3).get_caller_identity()
        if whose["Account"] != self.account:
            raise Refused(
                f"headgate.yaml says account {self.account}, but these credentials are of account {whose['Account']} "
                f"({whose['Arn']}).",
                hint="Choose other credentials (AWS_PROFILE), or mend `account` of the environment.",
            )

    def keys(self) -> Keys:
        """The credentials in force now. Raises Refused where there are none."""
        from botocore.exceptions import NoCredentialsError

        with domain_errors():
            found = self._session.get_credentials()
            if found is None:
                raise NoCredentialsError()
            frozen = found.get_frozen_credentials()
        if not frozen.access_key or not frozen.secret_key:
            raise Refused("The AWS credentials are not whole.", hint="`aws configure` writes them.")
        expires = getattr(found, "_expiry_time", None)  # botocore tells it nowhere else
        return Keys(
            access_key_id=frozen.access_key,
            secret_access_key=frozen.secret_key,
            token=frozen.token,
            expires_at=expires,
        )

    @property
    def s3_endpoint(self) -> str:
        """Where S3 is, if the environment says so; empty for AWS's own."""
        return os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL", "")

    def client(self, service: str, *, attempts: int) -> Any:
        """A client of another service, made once."""
        made = self._made.get(service)
        if made is None:
            made = self._made[service] = self._client(service, "", 30, attempts=attempts)
        return made

    @cached_property
    def _made(self) -> dict[str, Any]:
        return {}

    @cached_property
    def _session(self) -> "Session":
        from botocore.session import Session

        return Session()

    def _client(self, service: str, url: str, read_seconds: int, *, attempts: int) -> Any:  # noqa: ARG002
        from botocore.config import Config

        with domain_errors():
            return self._session.create_client(
                service,
                region_name=self.region,
                config=Config(
                    connect_timeout=5,
                    read_timeout=read_seconds,
                    retries={"mode": "standard", "total_max_attempts": attempts},
                    user_agent_extra="headgate",
                ),
            )


class Machine:
    """The state machine that takes an environment's rollouts on."""

    def __init__(self, connection: AwsConnection, project: str) -> None:
        name = names.machine(project, connection.environment)
        self.arn = names.machine_arn(connection.account, connection.region, name)
        self._client = connection.client("stepfunctions", attempts=3)

    def start(self, execution: str, document: Mapping[str, Any]) -> bool:
        """Start an execution of this name; False where it has run already and ended. One that runs is left running.

        Raises NotFound where there is no machine.
        """
        try:
            with domain_errors():
                self._client.start_execution(stateMachineArn=self.arn, name=execution, input=json.dumps(document))
        except Refused as error:
            if "already exists" not in error.message.lower():
                raise
            return False
        except NotFound as error:
            raise NotFound(error.message, hint="`headgate infra deploy` makes the machine.") from None
        return True

    def answer(self, token: str, *, go_on: bool) -> None:
        """Let the execution that waits with this task token look again; nothing where it does not wait any more."""
        with suppress(InvalidInput, NotFound), domain_errors():
            if go_on:
                self._client.send_task_success(taskToken=token, output="{}")
            else:
                self._client.send_task_failure(taskToken=token, error="Rejected", cause="A person said no.")
