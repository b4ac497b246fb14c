"""The user's `code/` folder: what is packaged of it, and whether it can work at all."""

import ast
from pathlib import Path

from headgate.errors import InvalidInput, NotFound

PROGRAM = "inference.py"
MAX_BYTES = 50 * 1024**2


def collect_code(folder: Path) -> dict[str, bytes]:
    """Member name (`code/...`) to content of everything in `folder` but caches and hidden files.

    Raises NotFound, or InvalidInput naming the file that is wrong.
    """
    if not (folder / PROGRAM).is_file():
        raise NotFound(
            f"There is no {folder / PROGRAM}.", hint="Look at package/code in headgate.yaml, or write the file."
        )
    members, total = {}, 0
    for path in sorted(folder.rglob("*")):
        relative = path.relative_to(folder)
        if any(part.startswith(".") or part == "__pycache__" for part in relative.parts) or path.suffix == ".pyc":
            continue
        if path.is_symlink():
            raise InvalidInput(f"{path} is a link; a package holds plain files only.", hint="Copy the file.")
        if path.is_file():
            total += path.stat().st_size
            if total > MAX_BYTES:
                raise InvalidInput(f"{folder} holds more than {MAX_BYTES:,} bytes; code was expected.")
            members[f"code/{relative.as_posix()}"] = path.read_bytes()
    _check_program(folder / PROGRAM, members[f"code/{PROGRAM}"])
    return members


def _check_program(path: Path, content: bytes) -> None:
    """That it is Python and defines the hooks without which a server cannot start. It is not run."""
    try:
        body = ast.parse(content).body
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None)
        where = f", line {line}" if line else ""
        raise InvalidInput(f"{path}{where}: it is not Python: {error.args[0]}.") from None
    names: set[str] = set()
    for statement in body:
        match statement:
            case ast.AsyncFunctionDef(name="model_fn", lineno=line):
                raise InvalidInput(
                    f"{path}, line {line}: model_fn is async.",
                    hint="Make it a plain function; the other hooks may be async.",
                )
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                names.add(name)
            case ast.ImportFrom(names=aliases):
                names.update(alias.asname or alias.name for alias in aliases)
            case ast.Assign(targets=targets):
                names.update(target.id for target in targets if isinstance(target, ast.Name))
    if "*" not in names and ("model_fn" not in names or not names & {"predict_fn", "transform_fn"}):
        missing = "model_fn(model_dir)" if "model_fn" not in names else "predict_fn(data, model)"
        raise InvalidInput(
            f"{path} does not define {missing}.",
            hint="It needs model_fn(model_dir), and predict_fn(data, model) or "
            "transform_fn(model, body, content_type, accept).",
        )
