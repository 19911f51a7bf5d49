"""The generated parts of the pages, each a function that returns lines of reStructuredText."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import typing
from collections.abc import Callable, Iterable
from importlib import import_module
from itertools import pairwise

import typer.main
from iomt_conformance import format_matrix, law_table, option_fields, report_fields
from iomt_hl7v2 import composites, kinds
from iomt_models import model_lines
from iomt_rst import bullets, indented, literal, prose, table, titled
from iomt_source import PACKAGE, ROOT, code_groups, code_uses, floors, modules, summary
from iomt_tables import LAWS, VARIABLES

import iomt_interop as iomt
from iomt_interop import model
from iomt_interop.errors import CODES
from iomt_interop.model.base import Model
from iomt_interop.plugins import default_registry, manifest
from iomt_interop.privacy.reasons import REASONS

__all__ = ["PAGES"]


def adapter(name: str) -> list[str]:
    """Return the facts of one manifest."""
    found = default_registry().get(name)
    data = found.manifest
    assert data is not None
    sniff = [f"octets ``{m.bytes}`` at offset {m.offset}: MAGIC" for m in data.sniff.magic]
    sniff += [f"pattern over the first {p.within} octets: {p.evidence.upper()}" for p in data.sniff.pattern]
    sniff += [f"chain of frames with tags {', '.join(f.tags)}: VERIFIED" for f in data.sniff.frames]
    sniff += [f"file name ``{glob}``: NAME" for glob in data.sniff.name]
    rows = [
        ("title", data.title),
        ("distribution", f"{found.distribution} {found.version}"),
        ("medium", data.medium),
        ("directions", ", ".join(data.directions)),
        ("records", ", ".join(data.records)),
        ("lossless", data.lossless),
        ("clock", data.clock),
        ("paths that may identify", ", ".join(map(literal, data.phi))),
        ("status", f"{data.status} (claimed)"),
        ("media types", ", ".join(map(literal, data.media_types))),
        ("recognised by", "\n".join(f"| {line}" for line in sniff)),
        ("samples", ", ".join(map(literal, data.samples))),
    ]
    lines = table(("fact", "value"), [row for row in rows if row[1]], widths=(25, 75))
    if data.spec:
        lines += ["Sources:", ""]
        lines += bullets(
            ", ".join(filter(None, [s.document, s.edition, "; ".join(s.clauses), s.access and f"({s.access})"]))
            for s in data.spec
        )
    return lines


def errors() -> list[str]:
    """Return one section for each error code."""
    lines: list[str] = []
    uses = code_uses()
    for title, codes in code_groups().items():
        lines += titled(title, "=")
        for code in codes:
            lines += [
                f".. _error-{code.lower()}:",
                "",
                *titled(code),
                f"{CODES[code][0].upper()}{CODES[code][1:]}.",
                "",
            ]
            used = uses.get(code, {"modules": set(), "classes": set()})
            facts = []
            if used["classes"]:
                facts.append(
                    "raised as " + ", ".join(f":exc:`~iomt_interop.errors.{c}`" for c in sorted(used["classes"]))
                )
            if used["modules"]:
                facts.append("used in " + ", ".join(map(literal, sorted(used["modules"]))))
            lines += bullets(facts)
    return lines


def reasons() -> list[str]:
    """Return the reason codes of decisions."""
    return table(("code", "meaning"), [(literal(code), text) for code, text in REASONS.items()], widths=(30, 70))


def cli() -> list[str]:
    """Return one section for each command."""
    app = import_module("iomt_interop.cli.app").app
    return _commands(typer.main.get_command(app), "iomt")


def _commands(command: typing.Any, path: str) -> list[str]:
    lines = [*titled(path, "="), *prose(command.help)]
    rows = []
    for parameter in command.params:
        if parameter.name == "help":
            continue
        if parameter.param_type_name == "argument":
            name = f"{parameter.name.upper()}{'...' if parameter.nargs == -1 else ''}"
        else:
            name = ", ".join(parameter.opts)
        default = (
            "required" if parameter.required else "" if parameter.default in (None, False) else str(parameter.default)
        )
        rows.append((literal(name), parameter.help or "", default))
    if rows:
        lines += table(("argument or option", "meaning", "default"), rows, widths=(25, 60, 15))
    for name in sorted(getattr(command, "commands", {})):
        lines += _commands(command.commands[name], f"{path} {name}")
    return lines


def models() -> list[str]:
    """Return the canonical model, one section for each module of it."""
    lines: list[str] = []
    home = "iomt_interop.model"
    for name in modules():
        if not name.startswith(f"{home}."):
            continue
        module = import_module(name)
        names = [n for n in _all(name) if inspect.isclass(getattr(module, n)) and issubclass(getattr(module, n), Model)]
        public = [n for n in names if n in model.__all__ and getattr(module, n).__module__ == name]
        if public:
            lines += [*titled(name.removeprefix(f"{home}.").capitalize(), "="), *prose(module.__doc__)]
            for each in public:
                lines += model_lines(getattr(module, each), home)
    return lines


def manifests() -> list[str]:
    """Return the manifest's schema."""
    lines: list[str] = []
    for name in (
        "Manifest",
        "SpecReference",
        "IgnoredRule",
        "SniffRules",
        "MagicRule",
        "PatternRule",
        "FrameRule",
        "MemberRule",
    ):
        lines += model_lines(getattr(manifest, name), manifest.__name__)
    return lines


def floor_table() -> list[str]:
    """Return the floors, top first."""
    rows = []
    for layer in floors():
        for name, optional in layer:
            text = summary(f"iomt_interop.{name}")
            if text or not optional:
                rows.append((literal(name), text))
    return table(("floor", "what it is"), rows, widths=(20, 80))


def floor_picture() -> list[str]:
    """Return the floors as text."""
    names = [
        " | ".join(n for n, o in layer if (PACKAGE / n).exists() or (PACKAGE / f"{n}.py").exists())
        for layer in floors()
    ]
    names = [name for name in names if name]
    width = max(map(len, names)) + 4
    rule = "+" + "-" * width + "+"
    lines = [rule]
    for name in names:
        lines += [f"|{name:^{width}}|", rule]
    return [".. code-block:: text", "", *indented(lines), ""]


def laws() -> list[str]:
    """Return the laws and the tests that hold them."""
    rows = []
    for number, (title, text, globs) in enumerate(LAWS, 1):
        found = sorted({str(path.relative_to(ROOT)) for glob in globs for path in ROOT.glob(glob)})
        tests = "\n".join(f"| {literal(path)}" for path in found) or "no test yet"
        rows.append((str(number), f"**{title}.** {text}", tests))
    return table(("", "law", "held by"), rows, widths=(5, 50, 45))


def environment() -> list[str]:
    """Return the environment variables."""
    rows = [(literal(name), values, meaning) for name, values, meaning in VARIABLES]
    return table(("variable", "values", "meaning"), rows, widths=(25, 25, 50))


def contexts() -> list[str]:
    """Return the fields of the read and write contexts and of the limits."""
    lines: list[str] = []
    for cls in (iomt.ReadContext, iomt.Limits, iomt.WriteContext):
        tree = modules()[cls.__module__]
        node = next(n for n in tree.body if isinstance(n, ast.ClassDef) and n.name == cls.__name__)
        docs = _field_docs(node)
        rows = []
        for field in dataclasses.fields(cls):
            default = "" if field.default is dataclasses.MISSING else repr(field.default)
            if isinstance(field.default, int) and field.default > 9999:
                default = f"{field.default:,}"
            rows.append((literal(field.name), literal(default) or "its defaults", docs.get(field.name, "")))
        lines += [f"**{cls.__name__}**: {inspect.cleandoc(cls.__doc__ or '').splitlines()[0]}", ""]
        lines += table(("field", "default", "meaning"), rows, widths=(20, 20, 60))
    return lines


def _field_docs(node: ast.ClassDef) -> dict[str, str]:
    docs = {}
    for field, after in pairwise(node.body):
        if not isinstance(field, ast.AnnAssign) or not isinstance(field.target, ast.Name):
            continue
        if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant):
            docs[field.target.id] = " ".join(str(after.value.value).split())
    return docs


def tables(name: str) -> list[str]:
    """Return the literal tables of a module, as they are written there, with their texts."""
    source = (ROOT / (name.replace(".", "/") + ".py")).read_text(encoding="utf-8")
    body = modules()[name].body
    lines: list[str] = []
    for node, after in zip(body, [*body[1:], None], strict=True):
        if not isinstance(node, ast.AnnAssign | ast.Assign) or node.value is None:
            continue
        target = node.target if isinstance(node, ast.AnnAssign) else node.targets[0]
        rows = _rows(node.value, source)
        if not isinstance(target, ast.Name) or target.id.startswith("_") or not rows:
            continue
        lines += [f"**{target.id}**", ""]
        if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant):
            lines += prose(str(after.value.value))
        width = max(map(len, rows))
        lines += table((), [[*row, *[""] * (width - len(row))] for row in rows])
    return lines


def _rows(value: ast.expr, source: str) -> list[list[str]]:
    def cell(node: ast.expr) -> str:
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            return literal(node.value) or "(empty)"
        text = " ".join((ast.get_source_segment(source, node) or "").split())
        return literal(text)

    if isinstance(value, ast.Dict):
        return [[cell(k), cell(v)] for k, v in zip(value.keys, value.values, strict=True) if k is not None]
    if isinstance(value, ast.Tuple) and value.elts and all(isinstance(e, ast.Tuple) for e in value.elts):
        return [[cell(part) for part in e.elts] for e in value.elts if isinstance(e, ast.Tuple)]
    return []


def _all(name: str) -> Iterable[str]:
    return getattr(import_module(name), "__all__", ())


PAGES: dict[str, Callable[..., list[str]]] = {
    "matrix": format_matrix,
    "kit-laws": law_table,
    "kit-options": option_fields,
    "kit-report": report_fields,
    "adapter": adapter,
    "errors": errors,
    "hl7v2-kinds": kinds,
    "hl7v2-types": composites,
    "reasons": reasons,
    "cli": cli,
    "models": models,
    "manifest": manifests,
    "floors": floor_table,
    "floor-picture": floor_picture,
    "laws": laws,
    "environment": environment,
    "contexts": contexts,
    "tables": tables,
}
