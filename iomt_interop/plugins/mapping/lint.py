"""What is wrong or doubtful about a mapping, before any sample is read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Final, Literal

from ...errors import CODES
from .lint_rules import rule_findings
from .lint_terms import term_findings
from .positions import line_of, lines_of
from .schema import Mapping, check_mapping, walk
from .specs import InstantSpec, ValueSpec

__all__ = ["Finding", "Severity", "lint"]

Severity = Literal["error", "warning", "remark"]

_SEVERITIES: Final[dict[str, Severity]] = {
    "MAP-301": "error",
    "MAP-302": "error",
    "MAP-303": "error",
    "MAP-304": "warning",
    "MAP-305": "error",
    "MAP-306": "error",
    "MAP-307": "warning",
    "MAP-308": "error",
    "MAP-309": "warning",
    "MAP-310": "remark",
    "MAP-311": "error",
    "MAP-312": "remark",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to look at."""

    code: str
    severity: Severity
    path: str
    """Where in the mapping: ``record[2].value.unit``, records counted from 0."""
    line: int | None
    """Line of the mapping's text, counted from 1, as near as it can be told."""
    message: str


def lint(mapping_text: str) -> list[Finding]:
    """Check a mapping: keys, units, codes, rules that can never fire.

    Parameters
    ----------
    mapping_text : str
        The mapping, TOML.

    Returns
    -------
    list of Finding
        In the order of the text; empty when there is nothing to say.
    """
    mapping, problems = check_mapping(mapping_text)
    raw: list[tuple[str, str, str]] = [(p.code, p.path, p.detail) for p in problems]
    if mapping is not None:
        raw += chain(term_findings(mapping), rule_findings(mapping), _times(mapping), _unused(mapping))
    lines = lines_of(mapping_text)
    found = []
    for code, path, detail in dict.fromkeys(raw):
        message = f"{CODES[code]}: {detail}" if detail else CODES[code]
        found.append(Finding(code, _SEVERITIES[code], path, line_of(path, lines), message))
    return sorted(found, key=lambda finding: (finding.line or 0, finding.path, finding.code))


def _times(mapping: Mapping) -> Iterator[tuple[str, str, str]]:
    """Remark on times of day whose offset nothing tells."""
    for rule in mapping.rules:
        for place, spec in walk(rule.fields, f"record[{rule.index}]"):
            if place.endswith((".day", ".birth_date")):
                continue
            if isinstance(spec, InstantSpec):
                told = (spec.zone, spec.zone_path, spec.offset, spec.offset_path) != (None,) * 4
                local_count = spec.format.startswith("epoch") and not spec.epoch.endswith("Z")
            elif isinstance(spec, ValueSpec) and spec.kind == "time":
                told, local_count = (spec.zone, spec.offset) != (None, None), False
            else:
                continue
            local_text = "%" in spec.format and "%z" not in spec.format and ("%H" in spec.format or "%I" in spec.format)
            if not told and (local_count or local_text):
                yield "MAP-310", place, ""
            elif not told and spec.format == "iso":
                yield "MAP-310", place, "unless the text itself has one"


def _unused(mapping: Mapping) -> Iterator[tuple[str, str, str]]:
    read = {
        name
        for rule in mapping.rules
        for _, spec in walk(rule.fields, "")
        for name in (getattr(spec, "table", None), getattr(spec, "units", None))
        if isinstance(name, str)
    }
    for name, table in mapping.tables.items():
        if not table:
            yield "MAP-311", f"tables.{name}", "empty"
        if name not in read:
            yield "MAP-312", f"tables.{name}", ""
