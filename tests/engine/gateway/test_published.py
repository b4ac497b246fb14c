"""What happens to the gateway's files, and to engine.json, when the system refuses a write.

A limit on the size of files stands in for a full disk.
"""

import subprocess
import sys
from pathlib import Path

LIMITED = """
import resource, sys
from pathlib import Path
from headgate.engine.gateway.admin import Admin
from headgate.engine.gateway.published import Published
from headgate.engine.home import EngineFile, Home
from headgate.errors import Unavailable

folder = Path(sys.argv[1])
published = Published(folder / "routes.json", "kind", admin=Admin(folder / "none.sock"), stats="s", log=folder / "log")
published.write([{"name": "old"}])
home = Home(folder)
home.write(EngineFile(1, 2, "key", "secret"))
resource.setrlimit(resource.RLIMIT_FSIZE, (512, 512))
for work in (
    lambda: published.write([{"name": "new" * 500}]),
    lambda: home.write(EngineFile(1, 2, "key", "secret" * 500)),
):
    try:
        work()
    except Unavailable as error:
        print(error.message)
assert published.resources == [{"name": "old"}]
assert Published(folder / "routes.json", "kind", admin=Admin(folder / "none.sock"), stats="s", log=folder / "log"
    ).resources == [{"name": "old"}]
assert home.read() == EngineFile(1, 2, "key", "secret")
"""


def test_a_refused_write_is_said_and_leaves_the_old_file(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", LIMITED, str(tmp_path)], capture_output=True, text=True, check=True)
    said = [f"{tmp_path / name} cannot be written: File too large." for name in ("routes.json", "engine.json")]
    assert done.stdout.splitlines() == said
    assert sorted(path.name for path in tmp_path.iterdir()) == ["engine.json", "routes.json"]
