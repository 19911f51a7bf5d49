"""Generate ``iomt_interop/wire/hl7v2/structure/_v*.py`` from the tables of hl7apy (MIT).

    python tools/generate_hl7_structures.py [--check]

Each module holds what its version has otherwise than the version before it; ``None`` takes an entry away. With
``--check`` nothing is written: exit 1 when a table in the tree differs.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
import json
import re
import sys
from importlib.metadata import version as installed
from pathlib import Path
from typing import Any

TARGET = Path(__file__).parent.parent / "iomt_interop" / "wire" / "hl7v2" / "structure"
VERSIONS = ("2.1", "2.2", "2.3", "2.3.1", "2.4", "2.5", "2.5.1", "2.6", "2.7", "2.8", "2.8.1", "2.8.2")
KINDS = ("SEGMENTS", "STRUCTURES", "DATATYPES", "TABLES")
USAGE = {(0, 1): "?", (1, 1): "!", (0, -1): "*", (1, -1): "+", (0, 0): "-"}
ANY = "ANYHL7SEGMENT"

# Where the source is not what the standard prints: version, kind, entry, part (None for the whole text), right text.
CORRECTIONS: tuple[tuple[str, str, str, int | None, str], ...] = (
    ("2.1", "DATATYPES", "TS", 2, "ST ?"),  # ch. 2 of 2.1: a degree of precision is optional
    ("2.3", "SEGMENTS", "OBR", 27, "QUANTITY_TIMING TQ *"),  # optional and repeating in 2.2, 2.3.1 and later too
    ("2.3.1", "SEGMENTS", "OBX", 2, "VALUE_TYPE ID ? 0125"),  # conditional (C), as in the versions around them
    ("2.3.1", "SEGMENTS", "OBX", 4, "OBSERVATION_SUB_ID ST ?"),
    ("2.7", "SEGMENTS", "OBX", 2, "VALUE_TYPE ID ? 0125"),
    ("2.7", "SEGMENTS", "OBX", 4, "OBSERVATION_SUB_ID ST ?"),
    ("2.8", "SEGMENTS", "OBX", 2, "VALUE_TYPE ID ? 0125"),
    ("2.8", "SEGMENTS", "OBX", 4, "OBSERVATION_SUB_ID ST ?"),
    ("2.8.1", "TABLES", "0085", None, "A|B|C|D|F|I|N|O|P|R|S|U|V|W|X"),  # as in 2.8 and 2.8.2
)

Entries = dict[str, str]


def corrected(version: str, found: dict[str, Entries]) -> dict[str, Entries]:
    """Return the tables of a version with :data:`CORRECTIONS` in them."""
    for when, kind, name, part, text in CORRECTIONS:
        if when == version:
            before = found[kind][name]
            parts = before.split("|")
            parts[slice(None) if part is None else slice(part - 1, part)] = [text]
            found[kind][name] = "|".join(parts)
            if found[kind][name] == before:
                raise SystemExit(f"{version} {name}: the source says so itself")
    return found


def usage(low: int, high: int) -> str:
    """Return the cardinality's mark."""
    return USAGE.get((low, high)) or f"{low}-{'n' if high < 0 else high}"


def codes(row: tuple[object, ...]) -> str:
    """Return a table's codes; ``...`` at its end where the source leaves some out."""
    texts = [text.strip() for text in row if isinstance(text, str)]
    found = [text for text in texts if text.isascii() and "|" not in text and "..." not in text and text]
    return "|".join([*found, "..."] if found and len(found) < len(row) else found)


def rows(parts: tuple[Any, ...], lookup: dict[str, Any], named: bool) -> str:
    """Return fields or components, each ``NAME TYPE USAGE TABLE`` at its own number; components go without a name."""
    found: dict[int, str] = {}
    for name, part, (low, high), _ in parts:
        number = int(name.rpartition("_")[2])
        _, _, kind, text, table = (part or lookup[name])[:5]
        if table is not None and not re.fullmatch(r"HL7\d{4}", table):  # one row of 2.1 has its name there
            kind, text, table = text if len(part) == 7 else kind, table, None
        label = re.sub(r"\W+", "_", text or "").replace("INACTIVATIO_N", "INACTIVATION").replace("PERSO_N", "PERSON")
        found[number] = " ".join(
            filter(None, ((label or "-") if named else "", kind or "-", usage(low, high), (table or "HL7")[3:]))
        )
    return "|".join(found.get(number, "") for number in range(1, max(found, default=0) + 1))


def tree(root: str, row: tuple[Any, ...], groups: dict[str, Any]) -> str:
    """Return members in their order; ``<NAME ...>`` is a group, ``<NAME| ...>`` a choice."""
    words = []
    for name, _, (low, high), kind in row[1]:
        mark = usage(low, high)
        if kind == "GRP":
            mode = "|" if groups[name][0] == "choice" else ""
            words.append(f"<{name[len(root) + 1 :]}{mode} {tree(root, groups[name], groups)}>{mark}")
        else:
            words.append(("***" if name == ANY else name) + mark)
    return " ".join(words)


def tables(version: str) -> dict[str, Entries]:
    """Return everything of one version."""
    package = f"hl7apy.v{version.replace('.', '_')}"
    module = importlib.import_module(package)
    try:
        listed = importlib.import_module(f"{package}.tables").TABLES
    except ModuleNotFoundError:
        listed = {}
    segments: Entries = {}
    for name, row in module.SEGMENTS.items():
        if name != ANY:
            parts = row[1:] if row[0] == "sequence" else (row,)
            segments[name] = rows(parts[0] if parts else (), module.FIELDS, True)
    return {
        "SEGMENTS": segments,
        "STRUCTURES": {name: tree(name, row, module.GROUPS) for name, row in module.MESSAGES.items()},
        "DATATYPES": {name: rows(parts, module.DATATYPES, False) for name, parts in module.DATATYPES_STRUCTS.items()},
        "TABLES": {name[3:]: text for name, row in listed.items() if (text := codes(row[1]))},
    }


def render(version: str, before: dict[str, Entries], now: dict[str, Entries], digest: str) -> str:
    """Return a module's text."""
    lines = [
        f"# generated by tools/generate_hl7_structures.py; input hl7apy {installed('hl7apy')}, sha256 {digest}",
        f'"""HL7 v{version}: what it has otherwise than the version before it."""',
        "",
        "from __future__ import annotations",
        "",
        "from typing import Final",
        "",
        "# fmt: off",
        "# ruff: noqa: E501",
    ]
    for kind in KINDS:
        lines.append(f"{kind}: Final[dict[str, str | None]] = {{")
        for name in sorted(before[kind].keys() | now[kind].keys()):
            text = now[kind].get(name)
            if text != before[kind].get(name):
                lines.append(f'    "{name}": {"None" if text is None else json.dumps(text)},')
        lines.append("}")
    return "\n".join([*lines, ""])


def main() -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--check", action="store_true")
    check = parser.parse_args().check
    before: dict[str, Entries] = {kind: {} for kind in KINDS}
    different = False
    for version in VERSIONS:
        now = corrected(version, tables(version))
        digest = hashlib.sha256(repr(sorted((k, sorted(v.items())) for k, v in now.items())).encode()).hexdigest()
        text = render(version, before, now, digest)
        path = TARGET / f"_v{version.replace('.', '_')}.py"
        if check:
            different |= not path.is_file() or path.read_text(encoding="ascii") != text
        else:
            path.write_text(text, encoding="ascii")
        before = now
    return int(different)


if __name__ == "__main__":
    sys.exit(main())
