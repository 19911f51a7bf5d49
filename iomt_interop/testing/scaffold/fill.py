"""Find a template and fill its gaps."""

from __future__ import annotations

from importlib.resources import files
from importlib.resources.abc import Traversable
from string import Template
from typing import Final

from ...errors import InvalidRequest
from .plan import Framing

__all__ = ["fill"]

_TEMPLATES: Final = "templates"
_FOLDERS: Final = ("common", "cut", "medium")


def fill(name: str, framing: Framing, gaps: dict[str, str]) -> str:
    """Return the text of a template with its gaps filled."""
    return Template(_template(name, framing).read_text(encoding="utf-8")).substitute(gaps)


def _template(name: str, framing: Framing) -> Traversable:
    """Return a template: the framing's own before the common one."""
    root = files(__package__) / _TEMPLATES
    for folder in (framing, *_FOLDERS):
        found = root / folder / f"{name}.tmpl"
        if found.is_file():
            return found
    raise InvalidRequest("USE-002", path="templates", hint="the installation is not whole")
