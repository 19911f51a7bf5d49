"""What the conformance kit says: a page for each law, and the format matrix from the kit's reports."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from iomt_models import model_lines
from iomt_rst import literal, table, titled
from iomt_source import ROOT

import iomt_interop as iomt
from iomt_interop.testing import LAWS, Law, options, report
from iomt_interop.testing.report import report_schema

__all__ = ["format_matrix", "law_page", "law_table", "option_fields", "report_fields", "reports", "write_pages"]

REPORTS = Path(os.environ.get("IOMT_CONFORMANCE") or ROOT / "docs" / "conformance")

# A column of the matrix and the laws whose passing makes it green.
COLUMNS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("detected", ("K2", "K3")),
    ("read", ("K4", "K5", "K6")),
    ("write", ("K13", "K15")),
    ("lossless", ("K7", "K8")),
    ("meaning, clock", ("K14",)),
    ("same everywhere", ("K9", "K10", "K11", "K12")),
    ("private", ("K16", "K17", "K18")),
)


def reports() -> dict[str, dict[str, Any]]:
    """Return the reports of this version by adapter; one whose digest is not that of its text is left out."""
    found = {}
    for path in sorted(REPORTS.glob("*.json")):
        data = json.loads(path.read_text(encoding="utf-8"))
        body = {key: value for key, value in data.items() if key != "digest"}
        text = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
        if sha256(text.encode()).hexdigest() == data["digest"] and data["library"] == iomt.__version__:
            found[data["adapter"]] = data
    return found


def format_matrix(found: Mapping[str, Mapping[str, Any]] | None = None) -> list[str]:
    """Return the format matrix. A cell is green only from a result; a claim without one says that it is a claim."""
    found = reports() if found is None else found
    rows = []
    for info in iomt.adapters():
        name = f":doc:`{info.id} </adapters/{info.id}>`" if (ROOT / f"docs/adapters/{info.id}.md").exists() else info.id
        if info.problem is not None:
            rows.append((name, f"cannot be used: {info.problem}", *[""] * (len(COLUMNS) + 3)))
            continue
        result = found.get(info.id)
        cells = [_cell(laws, result, column, info.directions) for column, laws in COLUMNS]
        rows.append((name, info.title, *cells, _records(info.records, result), info.status, _speed(result)))
    head = ("adapter", "format", *(f"{c} ({', '.join(x)})" for c, x in COLUMNS), "records", "status", "speed (K19)")
    legend = (
        "✔ is a result of the conformance kit, and the number says how often the law was tried; *claimed* is what the "
        "manifest says and no report of this version proves. A record with ✔ occurred in the corpus. The speed is "
        "octets a second in proportion to a plain Python loop over octets."
    )
    return [*table(head, rows), legend, ""]


def _cell(laws: Iterable[str], result: Mapping[str, Any] | None, column: str, directions: tuple[str, ...]) -> str:
    if column in ("read", "write") and column not in directions:
        return "no"
    if result is None:
        return "claimed"
    tried = [law for law in result["laws"] if law["law"] in laws]
    states = {law["status"] for law in tried}
    if "failed" in states:
        return "✘ " + ", ".join(law["law"] for law in tried if law["status"] == "failed")
    if "waived" in states:
        return "waived: " + ", ".join(law["law"] for law in tried if law["status"] == "waived")
    if "passed" not in states:
        return "claimed" if tried and "not applicable" in states else "not claimed"
    return f"✔ {sum(law['cases'] for law in tried if law['status'] == 'passed')}"


def _records(claimed: Iterable[str], result: Mapping[str, Any] | None) -> str:
    seen = {} if result is None else result["records"]
    lines = [f"| {kind} ✔ {seen[kind]}" if kind in seen else f"| {kind} (claimed)" for kind in claimed]
    return "\n".join(lines)


def _speed(result: Mapping[str, Any] | None) -> str:
    return "claimed" if result is None or result["throughput"] is None else f"{result['throughput']:.3f}"


def law_table() -> list[str]:
    """Return the laws with links to their pages."""
    rows = [(f":doc:`{law.id} {law.name} <laws/{_file(law)}>`", law.title) for law in LAWS]
    return table(("law", "what it asks"), rows, widths=(25, 75))


def law_page(law: Law) -> list[str]:
    """Return the page of a law."""
    broken = (ROOT / "tests/kit/test_broken.py").read_text(encoding="utf-8")
    named = sorted({line.split('"')[3] for line in broken.splitlines() if line.startswith(f'    ("{law.id}", "')})
    how = "each input" if law.each is not None else "the adapter as a whole"
    lines = [*titled(f"{law.id} {law.name}: {law.title}", "=")]
    for title, text in (("What it checks", law.checks), ("How it fails", law.fails), ("How to mend it", law.mend)):
        lines += [*titled(title), _markup(text), ""]
    lines += [*titled("How to try it alone"), "It is tried on " + how + ".", ""]
    lines += [".. code-block:: sh", "", f"   iomt conformance acme_x200 --corpus fixtures --law {law.name}", ""]
    if named:
        lines += [*titled("How we know that it can fail"), "Copies of the example adapter, each broken in one place, "
                  f"fail it: {', '.join(map(literal, named))} (``tests/kit/test_broken.py``).", ""]  # fmt: skip
    return lines


def _markup(text: str) -> str:
    return text.replace("`", "``")


def _file(law: Law) -> str:
    return f"{law.id.lower()}-{law.name}"


def option_fields() -> list[str]:
    """Return the fields of ``conformance.toml``."""
    return [line for name in ("Options", "Reading", "Waiver") for line in
            model_lines(getattr(options, name), options.__name__)]  # fmt: skip


def report_fields() -> list[str]:
    """Return the fields of a report."""
    return [line for name in ("Report", "LawResult", "FindingText") for line in
            model_lines(getattr(report, name), report.__name__)]  # fmt: skip


def write_pages(folder: Path) -> None:
    """Write the page of each law, and the schema of a report, where the documentation includes them."""
    laws, generated = folder / "reference" / "laws", folder / "reference" / "generated"
    for path in (laws, generated):
        path.mkdir(parents=True, exist_ok=True)
    texts = {laws / f"{_file(law)}.rst": "\n".join([":orphan:", "", *law_page(law)]) for law in LAWS}
    texts[generated / "conformance.schema.json"] = json.dumps(report_schema(), indent=2, sort_keys=True) + "\n"
    for path, text in texts.items():
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
