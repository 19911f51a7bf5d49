"""Multiply the truth table of consents out: every shape by purpose, actor, time and record.

usage: python tools/consent_truth.py [--check]

Reads tests/privacy/consent/truth.toml, which restates the IHE ITI PCF guide, and writes truth.csv beside it. It shares
no code with the library: residual rules are read one after the other, and the last one that matches counts.
"""

from __future__ import annotations

import csv
import io
import sys
import tomllib
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parent.parent / "tests" / "privacy" / "consent"
COLUMNS = ("shape", "purpose", "actor", "time", "record", "decision")


def matches(condition: str, record: dict[str, Any], kind: str) -> bool:
    """Tell whether a residual rule is about a record."""
    field, _, wanted = condition.partition("=")
    if field == "label":
        return wanted in record.get("labels", ["N"])
    if field == "year" and "year" not in record:
        return kind == "forbid"
    return record.get(field) == wanted


def decide(residual: list[str], record: dict[str, Any]) -> str:
    """Return what the last rule that matches says."""
    found = "deny"
    for rule in residual:
        kind, _, condition = rule.partition(" ")
        if not condition or matches(condition, record, kind):
            found = {"permit": "permit", "forbid": "deny"}[kind]
    return found


def rows(table: dict[str, Any]) -> list[tuple[str, ...]]:
    """Return the rows in the order of the file."""
    sets, found = table["sets"], []
    for shape in table["shape"]:
        times = list(table["times"]) if "expired" in shape["id"] else ["2024"]
        for purpose in sets["purposes"]:
            for actor in table["actors"]:
                for time in times:
                    residual: list[str] = []
                    for case in shape["when"]:
                        purposes = case["purposes"]
                        purposes = sets[purposes] if isinstance(purposes, str) else purposes
                        fits = purpose in purposes and actor in case.get("actors", table["actors"])
                        if fits and time in case.get("times", table["times"]):
                            residual = case["residual"]
                            break
                    for name, record in table["records"].items():
                        found.append((shape["id"], purpose, actor, time, name, decide(residual, record)))
    return found


def text() -> str:
    """Return the table as CSV."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(rows(tomllib.loads((FOLDER / "truth.toml").read_text(encoding="utf-8"))))
    return out.getvalue()


def main() -> int:
    """Write the table, or tell whether it is up to date."""
    path = FOLDER / "truth.csv"
    if "--check" in sys.argv[1:]:
        return int(not path.is_file() or path.read_text(encoding="utf-8") != text())
    path.write_text(text(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
