"""What happens when the system refuses a write: a limit on the size of files stands in for a full disk."""

import subprocess
import sys
import tarfile
from pathlib import Path

from tests.data.projects import bundled

LIMITED = """
import resource, sys
from pathlib import Path
from headgate.core.archive import extract
from headgate.data.store import LocalBuckets, Store
from headgate.errors import Unavailable
from headgate.spec import load
from headgate.training import train

folder = Path(sys.argv[1])
project = load(folder / "project")
work = [
    lambda: train(project),
    lambda: Store(folder / "store").put("a/b", bytes(5000)),
    lambda: LocalBuckets(folder / "buckets").upload(folder / "big", "s3://bucket/key"),
    lambda: extract(folder / "big.tar.gz", folder / "extracted"),
]
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
for task in work:
    try:
        task()
    except Unavailable as error:
        print(error.message.partition("cannot be written: ")[2])
"""


def test_a_full_disk_is_said_and_leaves_nothing(tmp_path: Path) -> None:
    bundled(tmp_path / "project", "iris", train={"params": {"n_estimators": 50}})
    (tmp_path / "big").write_bytes(bytes(5000))
    with tarfile.open(tmp_path / "big.tar.gz", "w:gz") as tar:
        tar.add(tmp_path / "big", "big")
    done = subprocess.run([sys.executable, "-c", LIMITED, str(tmp_path)], capture_output=True, text=True, check=True)
    assert done.stdout == "File too large.\n" * 4, done.stderr
    left = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()}
    assert left == {"big", "big.tar.gz", "project/headgate.yaml"}
    assert not (tmp_path / "extracted").exists()
