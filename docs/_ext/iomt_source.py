"""Facts that are read from the project's source text, without importing it."""

from __future__ import annotations

import ast
import re
import tomllib
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path

__all__ = ["PACKAGE", "ROOT", "code_groups", "code_uses", "error_classes", "floors", "modules", "summary", "variables"]

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "iomt_interop"


@cache
def modules() -> dict[str, ast.Module]:
    """Return every module of the package by dotted name."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        found[name] = ast.parse(path.read_text(encoding="utf-8"))
    return found


def summary(name: str) -> str:
    """Return the first line of a module's docstring; empty where there is none."""
    module = modules().get(name)
    return (ast.get_docstring(module) or "").partition("\n")[0] if module else ""


def floors() -> list[list[tuple[str, bool]]]:
    """Return the floors of import-linter's contract, top first: names, and whether each may be missing yet."""
    config = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = config["tool"]["importlinter"]["contracts"]
    layers = next(contract["layers"] for contract in contracts if contract["type"] == "layers")
    return [[(part.strip(" ()"), "(" in part) for part in layer.split("|")] for layer in layers]


def code_groups() -> dict[str, list[str]]:
    """Return the error codes by the comment that stands above them in the table."""
    groups: dict[str, list[str]] = defaultdict(list)
    title = "Other"
    for line in (PACKAGE / "errors.py").read_text(encoding="utf-8").splitlines():
        if comment := re.match(r"    # (.+?)\.?$", line):
            title = comment[1]
        elif code := re.match(r'    "([A-Z0-9]+-\d+)": ', line):
            groups[title].append(code[1])
    return groups


def error_classes() -> set[str]:
    """Return the names of the error classes."""
    return {node.name for node in modules()["iomt_interop.errors"].body if isinstance(node, ast.ClassDef)}


@cache
def code_uses() -> dict[str, dict[str, set[str]]]:
    """Return, for each error code in the source, the modules that use it and the classes they raise with it."""
    classes = error_classes()
    uses: dict[str, dict[str, set[str]]] = defaultdict(lambda: {"modules": set(), "classes": set()})
    for name, tree in modules().items():
        if name == "iomt_interop.errors":
            continue
        for node in ast.walk(tree):
            for code in _codes(node):
                uses[code]["modules"].add(name)
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in classes:
                for code in (code for part in node.args[:1] for inner in ast.walk(part) for code in _codes(inner)):
                    uses[code]["classes"].add(node.func.id)
    return uses


def _codes(node: ast.AST) -> Iterator[str]:
    text = node.value if isinstance(node, ast.Constant) else None
    if isinstance(text, str) and re.fullmatch(r"[A-Z][A-Z0-9]{2}-\d{3}", text):
        yield text


def variables() -> set[str]:
    """Return the environment variables that the package, its build, its tests and this documentation read."""
    tests = [ROOT / "tests" / "conftest.py", *(ROOT / "tests" / "support").glob("*.py")]
    tests += (ROOT / "tests" / "kit").glob("*.py")
    pages = [path for path in (ROOT / "docs" / "_ext").glob("*.py") if path.name != "iomt_tables.py"]
    paths = [*PACKAGE.rglob("*.py"), ROOT / "setup.py", *tests, *pages]
    return {name for path in paths for name in _variables(path)}


def _variables(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        text = node.value if isinstance(node, ast.Constant) else None
        # The library's own name in capitals is what it calls itself on the wire.
        if isinstance(text, str) and text != "IOMT_INTEROP" and re.fullmatch(r"IOMT_[A-Z0-9_]*[A-Z0-9]", text):
            yield text
