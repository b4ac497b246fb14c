"""The gateway of a home, as engine and supervisor both see it."""

from headgate.engine.gateway.gateway import Gateway
from headgate.engine.home import EngineFile, Home


def gateway_of(home: Home, file: EngineFile) -> Gateway:
    """The gateway whose files are in this home."""
    return Gateway(
        home.gateway,
        home.sockets / "admin.sock",
        port=file.gateway_port,
        account=file.account,
        region=file.region,
        access_log=home.logs / "gateway-errors.log",
    )
