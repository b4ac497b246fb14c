"""`headgate doctor`: the whole container contract, run against a package without docker and without AWS.

    examine  ->  package, pins, pickles     the archive and what is in it
                 arguments                  how a container is started
                 readiness, invocations, connections     the running server, over HTTP
                 drain, ending              SIGTERM, logs, what was written and unpickled

A server is started as SageMaker starts a container: the argument `serve`, its environment, a port of its own; ours, or
any command. Each area has a table of checks (words) over functions that look; `check` says what both are. `wire` speaks
HTTP byte by byte, `server` starts, watches and ends processes, `witness` runs inside Python servers.
"""

from headgate.doctor.check import Report, Result
from headgate.doctor.examine import examine
from headgate.doctor.limits import Limits
from headgate.doctor.sample import Sample

__all__ = ["Limits", "Report", "Result", "Sample", "examine"]
