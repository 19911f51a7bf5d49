"""Sphinx extension: ``generated`` and ``api`` directives, references that need no network, the JSON Schema."""

from __future__ import annotations

import builtins
import json
import re
import sys
from pathlib import Path
from typing import Any, ClassVar

from docutils import nodes
from docutils.parsers.rst import Directive
from docutils.statemachine import StringList
from iomt_api import aliases, api
from iomt_conformance import write_pages
from iomt_pages import PAGES
from pydantic import BaseModel
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective, SphinxRole
from sphinx.util.nodes import make_refnode, nested_parse_with_titles

from iomt_interop.model import json_schema

__all__ = ["setup"]


class Generated(SphinxDirective):
    """``.. generated:: <page> [argument]``: a part that is made from the source."""

    required_arguments = 1
    optional_arguments = 1
    option_spec: ClassVar[dict[str, Any]] = {}

    def run(self) -> list[nodes.Node]:
        page, *rest = self.arguments
        make = aliases if page == "aliases" else PAGES[page]
        return _parsed(self, make(*rest), f"generated {page}")


class Api(SphinxDirective):
    """``.. api:: <module>``: the public names of a module."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        return _parsed(self, api(self.arguments[0]), f"api {self.arguments[0]}")


def _parsed(directive: Directive, lines: list[str], source: str) -> list[nodes.Node]:
    node = nodes.section()
    node.document = directive.state.document
    nested_parse_with_titles(directive.state, StringList(lines, source=f"<{source}>"), node)
    return node.children


class FieldRole(SphinxRole):
    """A field's name in a table: a literal that references find as an attribute."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        node = nodes.literal(text=self.text.rpartition(".")[2], ids=[self.text], classes=["model-field"])
        domain = self.env.domains.python_domain
        domain.note_object(self.text, "attribute", self.text, location=node)
        self.inliner.document.note_explicit_target(node)
        return [node], []


def signature(
    _app: Sphinx, what: str, _name: str, obj: Any, _options: Any, arguments: str | None, returns: str | None
) -> tuple[str | None, str | None]:
    """Leave out a model's keyword arguments (its field table says more); name aliases by their names.

    Sphinx prints its own placeholder of an alias inside generics of :mod:`collections.abc`.
    """
    if what == "class" and isinstance(obj, type) and issubclass(obj, BaseModel):
        return "", returns
    plain = [text and re.sub(r"TypeAliasForwardRef\('([\w.]+)'\)", r"\1", text) for text in (arguments, returns)]
    return plain[0], plain[1]


def docstring(_app: Sphinx, _what: str, _name: str, _obj: Any, _options: Any, lines: list[str]) -> None:
    """Leave out what Python itself says of a named tuple's field."""
    if lines and lines[0].startswith("Alias for field number"):
        lines.clear()


def plain_builtins(_app: Sphinx, doctree: nodes.document) -> None:
    """Leave the names of Python's own types as text: a search would take a field of that name for them."""
    for node in list(doctree.findall(pending_xref)):
        if node.get("refdomain") == "py" and node.get("reftarget") in vars(builtins):
            node.replace_self(node.children)


def resolve(app: Sphinx, env: Any, node: pending_xref, contnode: nodes.Element) -> nodes.Element | None:
    """Resolve what the Python domain alone does not.

    A name of the standard library or of a dependency stays plain text (no inventory is fetched); an alias that
    is data is linked although a type was asked for; a name of a submodule is linked to where it is public.
    """
    if node.get("refdomain") != "py":
        return None
    target = str(node.get("reftarget", ""))
    top = target.partition(".")[0]
    parts = target.split(".")
    if not target.replace(".", "").isidentifier():  # a generic that was split at its commas
        return contnode
    if len(parts[-1]) == 1 or any(part.startswith("_") for part in parts):  # a type variable; a private name
        return contnode
    if top in sys.stdlib_module_names or top in {"pydantic", "typer", "rich", "lxml", "cryptography"}:
        return contnode
    objects = env.domains.python_domain.objects
    for name in (target, *_public(target, objects)):
        if entry := objects.get(name):
            return make_refnode(app.builder, node["refdoc"], entry.docname, entry.node_id, contnode, name)
    return None


def _public(target: str, objects: dict[str, Any]) -> list[str]:
    """Return the documented names that a private, bare or half-qualified name stands for."""
    parts = target.split(".")
    found = [".".join([*parts[:keep], parts[-1]]) for keep in range(len(parts) - 2, 0, -1)]
    if parts[0] == "iomt_interop":
        home, _, name = target.rpartition(".")
        value = getattr(sys.modules.get(home), name, None)
        found.insert(0, f"{getattr(value, '__module__', '')}.{name}")  # what the module took from another one
    else:
        ends = [name for name in sorted(objects) if name.endswith(f".{target}")]
        found += ends if len(ends) == 1 else []
    return found


def write_schema(app: Sphinx) -> None:
    """Write the JSON Schema of a record where the page includes it."""
    write_pages(Path(app.srcdir))
    path = Path(app.srcdir, "reference", "generated", "record.schema.json")
    text = json.dumps(json_schema(), indent=2, sort_keys=True) + "\n"
    path.parent.mkdir(exist_ok=True)
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")


def setup(app: Sphinx) -> dict[str, bool]:
    """Register everything."""
    app.add_directive("generated", Generated)
    app.add_directive("api", Api)
    app.add_role("model-field", FieldRole())
    app.connect("autodoc-process-signature", signature)
    app.connect("autodoc-process-docstring", docstring, priority=400)
    app.connect("doctree-read", plain_builtins)
    app.connect("missing-reference", resolve)
    app.connect("builder-inited", write_schema)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
