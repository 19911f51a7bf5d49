"""The documentation says what the code says, and the tree speaks of itself alone."""

from __future__ import annotations

import inspect
import re
import subprocess
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

from iomt_interop import errors

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = sorted(
    ".".join(path.parent.relative_to(ROOT).parts) for path in (ROOT / "iomt_interop").rglob("__init__.py")
)
README = (ROOT / "README.md").read_text(encoding="utf-8")
INSTALL = "python3 -m venv .venv && .venv/bin/python -m pip install --quiet . && .venv/bin/iomt demo"
TEST = (
    "{ [ -x .venv/bin/python ] || python3 -m venv .venv; } && "
    '.venv/bin/python -m pip install --quiet ".[test]" && .venv/bin/pytest -n auto'
)
PROSE = sorted([*(ROOT / "docs").rglob("*.md"), *(ROOT / "docs").rglob("*.rst")])

# What a tree must not say: where it was made, that it is not finished, numbers of somebody's tickets.
FOREIGN = re.compile(
    r"(?<![\w.:/])/(?:work|home|root|mnt|Users)/\w"
    r"|/tmp/ven" + r"v|shared/" + r"specs"
    r"|\b(?:TO" + r"DO|FIX" + r"ME)\b"
    r"|\bissue #\d"
)


def test_every_code_has_an_entry_with_its_text() -> None:
    from iomt_pages import errors as page

    lines = page()
    for code, text in errors.CODES.items():
        at = lines.index(code)
        assert lines[at - 2] == f".. _error-{code.lower()}:"
        assert text[1:] in lines[at + 3]


def test_every_code_that_the_package_uses_is_in_the_table() -> None:
    from iomt_source import code_uses

    assert sorted(set(code_uses()) - set(errors.CODES)) == []


@pytest.mark.parametrize("name", [*PACKAGES, "iomt_interop.errors", "iomt_interop.facade"])
def test_every_public_name_exists_and_is_documented(name: str) -> None:
    module = import_module(name)
    assert module.__doc__
    for public in getattr(module, "__all__", ()):
        value = getattr(module, public)
        if inspect.isclass(value) or inspect.isroutine(value) or inspect.ismodule(value):
            assert value.__doc__, f"{name}.{public}"
            assert value.__doc__.strip().splitlines()[0].endswith((".", ":")), f"{name}.{public}"


@pytest.mark.parametrize("command", [INSTALL, TEST], ids=["install", "test"])
def test_the_readme_has_each_command_once(command: str) -> None:
    assert README.splitlines().count(command) == 1


def commands() -> set[str]:
    """Return the subcommands of ``iomt`` by name."""
    import typer.main

    app = import_module("iomt_interop.cli.app").app
    return set(getattr(typer.main.get_command(app), "commands", ()))


@pytest.mark.parametrize("path", [ROOT / "README.md", *PROSE], ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_command_that_a_page_names_exists(path: Path) -> None:
    named = set(re.findall(r"(?:^|[`$] ?)iomt ([a-z][a-z-]*)", path.read_text(encoding="utf-8"), re.MULTILINE))
    assert not named or named <= commands()


def test_the_command_page_has_every_command() -> None:
    from iomt_pages import cli

    lines = cli()
    assert {f"iomt {name}" for name in commands()} <= set(lines)


def test_every_environment_variable_is_explained() -> None:
    from iomt_source import variables
    from iomt_tables import VARIABLES

    assert variables() == {name for name, _, _ in VARIABLES}


def test_every_law_is_held_by_a_test() -> None:
    from iomt_tables import LAWS

    assert [title for title, _, globs in LAWS if not any(list(ROOT.glob(glob)) for glob in globs)] == []


def test_every_manifest_field_is_in_the_reference() -> None:
    from iomt_pages import manifests

    from iomt_interop.plugins import Manifest

    text = "\n".join(manifests())
    for field in Manifest.model_fields:
        assert f":model-field:`iomt_interop.plugins.manifest.Manifest.{field}`" in text


def tree() -> Iterator[Path]:
    """Yield the project's text files: those that git knows or would add, else whatever lies here."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    names = listed.stdout.splitlines() if listed.returncode == 0 else []
    paths = [ROOT / name for name in names] or [p for p in ROOT.rglob("*") if not {".venv", "build"} & set(p.parts)]
    yield from (path for path in paths if path.is_file() and b"\0" not in path.read_bytes()[:4096])


def test_the_tree_speaks_of_itself_alone() -> None:
    found = []
    for path in tree():
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
            if FOREIGN.search(line):
                found.append(f"{path.relative_to(ROOT)}:{number}")
    assert found == []
