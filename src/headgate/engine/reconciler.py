"""One worker for each endpoint: who looks after what is wanted."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

from headgate.engine.endpoint_worker import EndpointWorker
from headgate.engine.gateway.gateway import Gateway
from headgate.engine.model_servers import ModelServers
from headgate.engine.state import State

STOP_SECONDS = 10.0


class Reconciler:
    """Starts a worker for every endpoint there is, and for each new one when it is woken."""

    def __init__(self, state: State, gateway: Gateway, servers: ModelServers) -> None:
        self._state = state
        self._gateway = gateway
        self._servers = servers
        self._executor = ThreadPoolExecutor(2, thread_name_prefix="prepare")
        self._lock = threading.Lock()
        self._workers: dict[str, EndpointWorker] = {}

    def start(self) -> None:
        """Go on with every endpoint where the last engine left it, and end what belongs to none."""
        known = {endpoint.name for endpoint in self._state.endpoints()}
        strangers = self._servers.strangers({instance.id for instance in self._state.instances()})
        self._executor.submit(self._servers.stop_strangers, strangers)
        for stranger in set(self._gateway.endpoints()) - known:
            self._gateway.remove_routes(stranger)
        strange = [c.name for c in self._gateway.clusters() if c.name.partition("/")[0] not in known]
        if strange:
            self._gateway.remove_clusters(strange)
        for name in known:
            self.wake(name)

    def wake(self, endpoint: str) -> None:
        """Something about this endpoint was changed."""
        with self._lock:
            worker = self._workers.get(endpoint)
            if worker is not None and worker.is_alive():
                worker.wake()
                return
            worker = EndpointWorker(
                endpoint,
                state=self._state,
                gateway=self._gateway,
                servers=self._servers,
                executor=self._executor,
                retire=self._retire,
            )
            self._workers[endpoint] = worker
            worker.start()

    def _retire(self, endpoint: str) -> bool:
        with self._lock:
            if self._state.endpoint(endpoint) is not None:
                return False
            self._workers.pop(endpoint, None)
            return True

    def stop(self) -> None:
        """End the workers. Model servers and gateway go on."""
        with self._lock:
            workers = list(self._workers.values())
        for worker in workers:
            worker.halt()
        self._executor.shutdown(wait=False, cancel_futures=True)
        deadline = time.monotonic() + STOP_SECONDS
        for worker in workers:
            worker.join(timeout=max(0.0, deadline - time.monotonic()))
