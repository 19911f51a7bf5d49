"""API pages: a module's text, a summary table of its public names, and each of them in full."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from types import ModuleType
from typing import Any, Literal, get_args, get_origin

from iomt_models import model_lines
from iomt_rst import indented, literal, prose, titled
from iomt_source import ROOT, modules
from pydantic import BaseModel
from sphinx.errors import PycodeError
from sphinx.pycode import ModuleAnalyzer

__all__ = ["aliases", "api", "public_names"]

_PACKAGES = ("plugins", "model", "errors", "vault", "crypto", "privacy", "wire.hl7v2", "wire.mllp",
             "wire.mder", "wire.phd", "transport", "columnar")  # fmt: skip
_PAGES = {"iomt_interop.model.": "/reference/model", "iomt_interop.plugins.manifest.": "/reference/manifest"}


def public_names(module: ModuleType) -> list[str]:
    """Return ``__all__`` without dunder names."""
    return [name for name in getattr(module, "__all__", ()) if not name.startswith("__")]


def api(name: str) -> list[str]:
    """Return the page of one module."""
    module = import_module(name)
    names = public_names(module)
    objects = {each: getattr(module, each) for each in names}
    lines = [f".. py:module:: {name}", "", *prose(module.__doc__)]
    classes = [n for n, o in objects.items() if inspect.isclass(o) and not issubclass(o, BaseException)]
    failures = [n for n, o in objects.items() if inspect.isclass(o) and issubclass(o, BaseException)]
    functions = [n for n, o in objects.items() if inspect.isroutine(o)]
    taken = {*classes, *failures, *functions}
    data = [n for n, o in objects.items() if n not in taken and not inspect.ismodule(o)]
    for title, group in (("Functions", functions), ("Classes", classes), ("Errors", failures), ("Data", data)):
        if not group:
            continue
        lines += titled(f"{title} of {name}", "-")
        for each in group:
            lines += _entry(name, each, objects[each])
    return lines


def _entry(module: str, name: str, value: Any) -> list[str]:
    home = f"{getattr(value, '__module__', '')}."
    for package in (f"iomt_interop.{each}" for each in _PACKAGES):
        if inspect.isclass(value) and home.startswith(f"{package}.") and not f"{module}.".startswith(f"{package}."):
            return [f"- :class:`~{package}.{name}`", ""]
    if inspect.isclass(value) and issubclass(value, BaseModel):
        for start, page in _PAGES.items():
            if home.startswith(start):
                return [f"- :class:`{name} <{home}{name}>`: see :doc:`{page}`", ""]
        return model_lines(value, module)
    if inspect.isclass(value):
        return [f".. autoclass:: {module}.{name}", "   :members:", "   :undoc-members:", "   :show-inheritance:", ""]
    if inspect.isroutine(value):
        return [f".. autofunction:: {module}.{name}", ""]
    return _data(module, name, value)


def _data(module: str, name: str, value: Any) -> list[str]:
    lines = [f".. py:data:: {name}", f"   :module: {module}"]
    if isinstance(value, int | str | bytes) and len(repr(value)) < 60:
        lines.append(f"   :value: {value!r}")
    return [*lines, "", *indented([*_text(module, name), *_choices(value)])]


@cache
def _described() -> dict[str, frozenset[str]]:
    """Return the modules that a page describes by itself, and what they export."""
    text = "".join(page.read_text(encoding="utf-8") for page in sorted((ROOT / "docs/reference/api").glob("*.rst")))
    names = re.findall(r"^\.\. api:: (\S+)", text, re.MULTILINE)
    return {name: frozenset(public_names(import_module(name))) for name in names}


def aliases(package: str) -> list[str]:
    """Return what only submodules without a page of their own export, but for functions; signatures name it."""
    lines: list[str] = []
    within = import_module(package)
    exported = public_names(within) if hasattr(within, "__path__") else ()
    for home in sorted(name for name in modules() if name.startswith(f"{package}.") or name == package):
        module = import_module(home)
        above = [known for name, known in _described().items() if f"{home}.".startswith(f"{name}.")]
        for name in public_names(module):
            value = getattr(module, name)
            if name in exported or any(name in known for known in above) or inspect.isroutine(value):
                continue
            lines += _entry(home, name, value) if inspect.isclass(value) else _data(home, name, value)
    return lines


def _choices(value: Any) -> list[str]:
    if get_origin(value) is Literal:
        return ["One of " + ", ".join(literal(choice) for choice in get_args(value)) + ".", ""]
    return []


def _text(module: str, name: str) -> list[str]:
    """Find the text below an assignment, in the module itself or where the package took the name from."""
    for home in _homes(module):
        try:
            docs = ModuleAnalyzer.for_module(home).find_attr_docs()
        except PycodeError:
            continue
        if ("", name) in docs:
            return [*list(docs["", name]), ""]
    return []


def _homes(module: str) -> Iterator[str]:
    yield module
    for other in sorted(sys.modules):
        if other.startswith(f"{module}."):
            yield other
    for other in sorted(sys.modules):
        if other.startswith("iomt_interop.") and not other.startswith(f"{module}."):
            yield other
