"""Unpickling runs whatever code the pickle names, so a package that is unpickled must be trusted like a program.

Two looks: what the package's Python says it would unpickle (read, never run), and, for servers written in Python, what
the process really unpickled: CPython announces every class that a pickle asks for (audit event `pickle.find_class`).
"""

import ast
from collections.abc import Iterator, Mapping

from headgate.doctor.check import Check, Finding, ok, skipped, warning
from headgate.doctor.package import Package

ALWAYS = frozenset(
    {"pickle.load", "pickle.loads", "pickle.Unpickler", "joblib.load", "dill.load", "dill.loads", "shelve.open",
     "cloudpickle.load", "cloudpickle.loads", "pandas.read_pickle", "jsonpickle.decode"}
)  # fmt: skip
UNLESS: Mapping[str, tuple[str, bool]] = {"torch.load": ("weights_only", True)}
"""Calls that unpickle unless this argument has this value."""
WHERE: Mapping[str, tuple[str, bool]] = {"numpy.load": ("allow_pickle", True)}
"""Calls that unpickle where this argument has this value."""
SUFFIXES = (".pkl", ".pickle", ".joblib", ".dill", ".cloudpickle")
REMEDY = (
    "Keep the model in a format that holds data only: ONNX, skops for scikit-learn, XGBoost's own .ubj. "
    "Where it must be a pickle, unpickle only what you made yourself, and say so with package/allow_pickle."
)


def look_at_pickled_files(package: Package) -> Finding:
    """Members that are pickles by their names."""
    found = [name for name in package.names if name.lower().endswith(SUFFIXES)]
    return warning(f"{', '.join(found[:3])}: pickled") if found else ok("no pickled files")


def look_at_unpickling_code(package: Package) -> Finding:
    """Calls in the package's Python that unpickle."""
    files = package.code()
    if not files:
        return skipped("no Python code in the package")
    found = [f"{name}:{line} {call}" for name in files for line, call in unpickling(_parsed(package, name))]
    return warning("; ".join(found[:5])) if found else ok(f"nothing in {len(files)} Python files")


def _parsed(package: Package, name: str) -> ast.Module:
    try:
        return ast.parse((package.folder / name).read_bytes())
    except (SyntaxError, ValueError, OSError):
        return ast.Module([], [])  # what is not Python cannot run either


def unpickling(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Line and full name of everything in a module that unpickles."""
    aliases = _aliases(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = _full_name(node.func, aliases)
            given = {keyword.arg: keyword.value for keyword in node.keywords}
            if name in UNLESS and not _is(given, *UNLESS[name]):
                yield node.lineno, name
            elif name in WHERE and _is(given, *WHERE[name]):
                yield node.lineno, f"{name}({WHERE[name][0]}=True)"
        elif isinstance(node, ast.Attribute | ast.Name) and (name := _full_name(node, aliases)) in ALWAYS:
            yield node.lineno, name


def _is(given: Mapping[str | None, ast.expr], argument: str, value: bool) -> bool:
    found = given.get(argument)
    return isinstance(found, ast.Constant) and found.value is value


def _aliases(tree: ast.Module) -> dict[str, str]:
    """Local name to full name of everything that is imported."""
    found: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for name in node.names:
                found[name.asname or name.name.partition(".")[0]] = (
                    name.name if name.asname else name.name.split(".")[0]
                )
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {name.asname or name.name: f"{node.module}.{name.name}" for name in node.names}
    return found


def _full_name(node: ast.expr, aliases: Mapping[str, str]) -> str:
    """`np.load` -> `numpy.load`; empty for what is no name, or was not imported."""
    if isinstance(node, ast.Attribute):
        owner = _full_name(node.value, aliases)
        return f"{owner}.{node.attr}" if owner else ""
    return aliases.get(node.id, "") if isinstance(node, ast.Name) else ""


CHECKS: tuple[Check[Package], ...] = (
    Check("pickled-files", "no pickles in the package", "Headgate", REMEDY, look_at_pickled_files),
    Check("unpickling-code", "no code that unpickles", "Headgate", REMEDY, look_at_unpickling_code),
)
