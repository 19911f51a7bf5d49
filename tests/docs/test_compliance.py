"""Every test that the compliance page names exists, and every row names one."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "reference" / "compliance.md").read_text(encoding="utf-8")


def test_every_named_test_exists() -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", PAGE)
    assert len(named) >= 30
    for path, name in named:
        tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
        assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}, f"{path}::{name}"


def test_every_row_names_a_test() -> None:
    rows = [line for line in PAGE.splitlines() if re.match(r"\| \d", line)]
    assert len(rows) >= 15
    for row in rows:
        cells = [cell.strip() for cell in row.strip("|").split("|")]
        assert len(cells) == 4
        assert re.search(r"`tests/[\w/]+\.py::\w+`", cells[3]), cells[0]


CHECKLIST = (
    *(f"V{n}" for n in range(1, 13)), *(f"A{n}" for n in range(1, 5)), *(f"C{n}" for n in range(1, 4)),
    "D1", "D2", "P1", "L1", "L2", "M1", "S1",
)  # fmt: skip


def test_every_row_of_the_checklist_has_its_state_and_a_test() -> None:
    rows = {
        cells[0]: cells
        for line in PAGE.splitlines()
        if re.match(r"\| [A-Z]\d+ \|", line)
        for cells in [[cell.strip() for cell in line.strip("|").split("|")]]
    }
    assert tuple(rows) == CHECKLIST
    for name, cells in rows.items():
        assert len(cells) == 4, name
        assert cells[1], name
        assert re.search(r"\bmet\b|\bpart\b|\bmeasured\b|\bnot met\b", cells[2]), name
        assert re.search(r"`tests/[\w/]+\.py::\w+`", cells[3]), name
