"""Ask an endpoint."""

from headgate.core.endpoints import Answer
from headgate.hosting.session import Connection, domain_errors


class Runtime:
    """The data plane: `InvokeEndpoint`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def invoke(
        self, endpoint: str, body: bytes, *, content_type: str = "application/json", variant: str = ""
    ) -> Answer:
        """One request, sent once. `variant` overrides the weights.

        Raises NotFound for an unknown endpoint, InvalidInput where the model answered 4xx, Unavailable where it failed.
        """
        wanted = {"TargetVariant": variant} if variant else {}
        with domain_errors():
            answer = self._connection.runtime.invoke_endpoint(
                EndpointName=endpoint, Body=body, ContentType=content_type, Accept="application/json", **wanted
            )
            return Answer(
                answer["Body"].read(),
                answer["ContentType"],
                answer.get("InvokedProductionVariant", ""),
                {name.lower(): value for name, value in answer["ResponseMetadata"]["HTTPHeaders"].items()},
            )
