"""The supervisor process: `python -m headgate.wiring.supervise HOME`. Started by `headgate up`."""

import logging
import os
import sys
from pathlib import Path

from headgate.engine.home import EngineFile, Home
from headgate.engine.supervisor import Service, Supervisor
from headgate.wiring.gateway import gateway_of

DRAIN_SECONDS = 10.0


def main(home: Home, file: EngineFile, engine_module: str = "headgate.wiring.engine") -> None:
    """Keep gateway and engine up until SIGTERM."""
    gateway = gateway_of(home, file)
    gateway.write_bootstrap()
    env = dict(os.environ)
    services = (
        Service("gateway", gateway.argv(), env, home.logs / "gateway.log"),
        Service(
            "engine",
            (sys.executable, "-m", engine_module, str(home.path)),
            env,
            home.logs / "engine.log",
        ),
    )
    Supervisor(home, services, lambda: gateway.drain_and_wait(DRAIN_SECONDS)).run()


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    place = Home(Path(sys.argv[1]))
    found = place.read()
    if found is None:
        sys.exit(f"{place.engine_file} is missing: run `headgate up`.")
    main(place, found)
