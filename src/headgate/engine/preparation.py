"""Preparing a package (fetch, unpack, build its environment) may take minutes, so it happens beside the worker."""

from collections.abc import Callable
from concurrent.futures import Executor, Future
from pathlib import Path

from headgate.engine.fleet import Variant
from headgate.engine.model_servers import ModelFailed, ModelServers
from headgate.errors import Unavailable


class Preparation:
    """The packages that one endpoint's worker waits for. `wake` is called when one is ready."""

    def __init__(self, endpoint: str, servers: ModelServers, executor: Executor, wake: Callable[[], None]) -> None:
        self._endpoint = endpoint
        self._servers = servers
        self._executor = executor
        self._wake = wake
        self._under_way: dict[str, Future[Path]] = {}

    def base_of(self, variant: Variant) -> Path | None:
        """The base folder for instances of a variant; None while it is being made. Raises the error it ended with."""
        future = self._under_way.get(variant.kind)
        if future is None:
            future = self._executor.submit(self._servers.prepare, self._endpoint, variant)
            future.add_done_callback(lambda _: self._wake())
            self._under_way[variant.kind] = future
        if not future.done():
            return None
        del self._under_way[variant.kind]
        try:
            return future.result()
        except (Unavailable, OSError) as error:
            raise ModelFailed(str(error), hint=getattr(error, "hint", "")) from None

    def forget(self) -> None:
        """Wait for none of them any more: who asks again later wants what the store holds then."""
        self._under_way.clear()
