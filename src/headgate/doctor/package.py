"""The package itself: can it be unpacked, does it lie as SageMaker expects, is it what was packaged?"""

import ast
import json
import shutil
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from headgate.core.archive import extract
from headgate.core.digest import sha256_file
from headgate.core.files import writing
from headgate.core.manifest import MANIFEST_NAME, TEXT_NAME, Manifest
from headgate.core.schema import InputSchema
from headgate.doctor.check import Check, Finding, failed, ok, skipped, warning
from headgate.errors import InvalidInput

PROGRAM = "code/inference.py"
_LEFTOVERS = ("__MACOSX/", ".DS_Store", "._", "__pycache__", ".ipynb_checkpoints")


@dataclass(frozen=True, slots=True)
class Package:
    """An unpacked package. `archive` is None where a folder was given; `foreign`: somebody else's server serves it.

    `recorded`: name to version of what the model was trained and packaged with, where that is known.
    """

    folder: Path
    archive: Path | None
    names: tuple[str, ...]
    foreign: bool = False
    recorded: Mapping[str, str] = field(default_factory=dict)

    @property
    def schema(self) -> InputSchema | None:
        """The input schema, where there is a sound one."""
        try:
            return InputSchema.from_json(json.loads((self.folder / "schema.json").read_bytes()))
        except (OSError, ValueError, InvalidInput):
            return None

    def code(self) -> list[str]:
        """The names of all Python files in it."""
        return [name for name in self.names if name.endswith(".py")]


def unpack(path: Path, folder: Path) -> list[str]:
    """Unpack an archive, or copy a folder, as `folder`; the names of the files. Raises as `core.archive.extract`."""
    if not path.is_dir():
        return extract(path, folder)
    with writing(folder):
        shutil.copytree(path, folder, symlinks=True)
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file() or p.is_symlink())


def look_at_size(package: Package) -> Finding:
    """How much it is."""
    unpacked = sum((package.folder / name).lstat().st_size for name in package.names)
    links = [name for name in package.names if (package.folder / name).is_symlink()]
    if links:
        return failed(f"{links[0]} is a link; SageMaker's archive cannot carry what it points to")
    packed = f"{package.archive.stat().st_size:,} bytes packed, " if package.archive else "a folder, "
    return ok(f"{packed}{len(package.names)} files, {unpacked:,} bytes")


def look_at_layout(package: Package) -> Finding:
    """Whether one folder wraps everything, and what was packed by accident."""
    roots = Counter(PurePosixPath(name).parts[0] for name in package.names)
    (root, _), *others = roots.most_common()
    if not others and root != "code" and not (package.folder / root).is_file():
        return failed(
            f"everything is in the folder {root}/",
            f"Pack the files, not their folder: tar -czf model.tar.gz -C {root} .",
        )
    junk = [name for name in package.names if any(part in name for part in _LEFTOVERS)]
    if junk:
        return warning(f"{junk[0]} and {len(junk) - 1} more were packed by accident", "Leave them out of the archive.")
    return ok(f"at the root: {', '.join(sorted(roots)[:8])}")


def look_at_digests(package: Package) -> Finding:
    """Whether each file is what the manifest says."""
    path = package.folder / MANIFEST_NAME
    if not path.is_file():
        return skipped(f"no {MANIFEST_NAME}: Headgate did not make this package")
    try:
        manifest = Manifest.from_json(json.loads(path.read_bytes()))
    except (ValueError, InvalidInput) as error:
        return failed(f"{MANIFEST_NAME} cannot be read: {error}")
    for name, digest in manifest.files.items():
        if name not in package.names:
            return failed(f"{name} is missing")
        if sha256_file(package.folder / name) != digest:
            return failed(f"{name} was changed after packaging")
    extra = sorted(set(package.names) - set(manifest.files) - {MANIFEST_NAME})
    if extra:
        return warning(f"{', '.join(extra[:3])}: added after packaging, no digest guards it")
    return ok(f"{len(manifest.files)} files are as packaged")


def look_at_hooks(package: Package) -> Finding:
    """Whether code/inference.py defines what a server calls, where one needs it."""
    if PROGRAM not in package.names:
        if package.foreign:
            return skipped(f"no {PROGRAM}; the command brings its own code")
        if any(name.endswith(".onnx") and "/" not in name for name in package.names):
            return ok("not needed: the model is ONNX")
        if TEXT_NAME in package.names:
            return ok(f"not needed: the model is {TEXT_NAME}")
        return failed(f"neither {PROGRAM} nor an ONNX model is in it")
    try:
        names = _defined(ast.parse((package.folder / PROGRAM).read_bytes()))
    except (SyntaxError, ValueError) as error:
        return failed(f"{PROGRAM} is not Python: {error}")
    if "*" in names or ("model_fn" in names and names & {"predict_fn", "transform_fn"}):
        hooks = sorted(name for name in names if name.endswith("_fn"))
        return ok(f"{PROGRAM} defines {', '.join(hooks) or 'what it imports'}")
    missing = "predict_fn or transform_fn" if "model_fn" in names else "model_fn"
    return failed(f"{PROGRAM} does not define {missing}")


def _defined(tree: ast.Module) -> set[str]:
    names: set[str] = set()
    for statement in tree.body:
        match statement:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                names.add(name)
            case ast.ImportFrom(names=aliases):
                names.update(alias.asname or alias.name for alias in aliases)
            case ast.Assign(targets=targets):
                names.update(target.id for target in targets if isinstance(target, ast.Name))
    return names


CHECKS: tuple[Check[Package], ...] = (
    Check(
        "archive-size",
        "plain files, counted",
        "SageMaker",
        "Pack the files themselves: tar --dereference.",
        look_at_size,
    ),
    Check(
        "archive-layout",
        "model files and code/ at the root: SageMaker unpacks them into /opt/ml/model as they lie",
        "SageMaker",
        "Pack from inside the model's folder.",
        look_at_layout,
    ),
    Check(
        "archive-digests",
        f"every file has the sha256 that {MANIFEST_NAME} lists",
        "Headgate",
        "Fetch the package again, or make it again: `headgate package`.",
        look_at_digests,
    ),
    Check(
        "hooks",
        f"{PROGRAM} with model_fn, and predict_fn or transform_fn, where user code serves",
        "SageMaker",
        "Define model_fn(model_dir) and predict_fn(data, model); neither has a default.",
        look_at_hooks,
    ),
)
