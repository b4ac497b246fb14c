"""The engine process: `python -m headgate.wiring.engine HOME`. Started and restarted by the supervisor."""

import logging
import socket
import sys
from collections.abc import Callable
from pathlib import Path

from headgate.data.store import LocalBuckets
from headgate.engine.api.control import Api
from headgate.engine.api.metrics import Metrics
from headgate.engine.api.protocols import Services
from headgate.engine.api.server import ControlApp, serve
from headgate.engine.evidence.attempts import read_attempt
from headgate.engine.evidence.evidence import Evidence
from headgate.engine.home import EngineFile, Home
from headgate.engine.metrics.observed import ObservedMetrics
from headgate.engine.metrics.store import MetricStore
from headgate.engine.model_servers import ModelServers
from headgate.engine.processes import Processes
from headgate.engine.reconciler import Reconciler
from headgate.engine.state import State
from headgate.errors import HeadgateError, Unavailable
from headgate.wiring.gateway import gateway_of

LOG_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


def main(home: Home, open_state: Callable[[Path], State] = State) -> None:
    """Serve the control API and look after the endpoints until SIGTERM; model servers and gateway go on after that."""
    file = home.read()
    if file is None:
        raise Unavailable(f"{home.engine_file} is missing.", hint="Run `headgate up`.")
    listening = _listen(file)
    state = open_state(home.database)
    gateway = gateway_of(home, file)
    servers = ModelServers(home, Processes(home.processes), LocalBuckets(home.store).open)
    reconciler = Reconciler(state, gateway, servers)
    evidence = Evidence(gateway.attempts, home.evidence, read_attempt, gateway.reopen_attempts)
    store = MetricStore(home.metrics)
    reconciler.start()
    evidence.start()
    api = Api(state, account=file.account, region=file.region, wake=reconciler.wake)
    services = Services(api, Metrics(ObservedMetrics(evidence), store))
    app = ControlApp(services, file.access_key, file.secret_key, file.region, file.control_port)
    try:
        serve(app, listening)
    finally:
        reconciler.stop()
        evidence.close()
        store.close()
        state.close()


def _listen(file: EngineFile) -> socket.socket:
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind(("127.0.0.1", file.control_port))
    except OSError as error:
        raise Unavailable(f"Port {file.control_port} cannot be used for the control API: {error.strerror}.") from None
    listening.listen(512)
    return listening


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format=LOG_FORMAT)
    try:
        main(Home(Path(sys.argv[1])))
    except HeadgateError as problem:
        logging.getLogger("headgate.engine").error("%s %s", problem.message, problem.hint)
        sys.exit(problem.exit_code)
