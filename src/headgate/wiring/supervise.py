"""The supervisor process: `python -m headgate.wiring.supervise HOME`. Started by `headgate up`."""

import logging
import os
import resource
import sys
from pathlib import Path

from headgate.engine.home import EngineFile, Home
from headgate.engine.supervisor import Service, Supervisor
from headgate.errors import HeadgateError, Unavailable
from headgate.wiring.gateway import gateway_of

DRAIN_SECONDS = 10.0
MOST_FILES = 65_536


def main(
    home: Home,
    file: EngineFile,
    engine_module: str = "headgate.wiring.engine",
    runner_module: str = "headgate.wiring.runner",
) -> None:
    """Keep gateway, engine and runner up until SIGTERM."""
    os.umask(0o077)
    raise_file_limit()
    gateway = gateway_of(home, file)
    env = dict(os.environ)

    def mend_gateway() -> None:
        home.make()
        gateway_of(home, file).write_bootstrap()  # reads the files anew: the engine has written since

    mend_gateway()
    services = (
        Service("gateway", gateway.argv(), env, home.logs / "gateway.log", mend_gateway),
        Service(
            "engine",
            (sys.executable, "-m", engine_module, str(home.path)),
            env,
            home.logs / "engine.log",
        ),
        Service("runner", (sys.executable, "-m", runner_module, str(home.path)), env, home.logs / "runner.log"),
    )
    Supervisor(home, services, lambda: gateway.drain_and_wait(DRAIN_SECONDS)).run()


def raise_file_limit() -> None:
    """Let this process and those it starts open as many files as the system lets them: Envoy needs two a request."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = min(hard, MOST_FILES) if hard != resource.RLIM_INFINITY else MOST_FILES
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    place = Home(Path(sys.argv[1]))
    try:
        found = place.read()
        if found is None:
            raise Unavailable(f"{place.engine_file} is missing.", hint="Run `headgate up`.")
        main(place, found)
    except HeadgateError as problem:
        logging.getLogger("headgate.supervisor").error("%s %s", problem.message, problem.hint)
        sys.exit(problem.exit_code)
