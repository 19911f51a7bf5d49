"""Decisions by consent against the truth table that restates IHE ITI PCF 1.1.0 and the examples of FHIR Consent."""

from __future__ import annotations

import json
import runpy
from pathlib import Path

import pytest
from support.consents import PATIENT, consent_json, facts_in, purpose_code, table, truth_rows

from iomt_interop.model import Instant
from iomt_interop.privacy.consent import Rulings, consent_from_fhir, prepare
from iomt_interop.privacy.reasons import REASONS

TABLE = table()
FACTS = {name: facts_in(record) for name, record in TABLE["records"].items()}
SHAPES = {shape["id"]: shape for shape in TABLE["shape"]}


def prepared(consent: bytes, row: dict[str, str]) -> Rulings:
    at = Instant(value=TABLE["times"][row["time"]]).utc_ns
    assert at is not None
    return prepare(
        [consent_from_fhir(consent)],
        patient=PATIENT,
        actor=frozenset(TABLE["actors"][row["actor"]]),
        purpose=purpose_code(row["purpose"]),
        at=at,
    )


def test_the_table_is_what_its_source_gives(root: Path) -> None:
    tool = runpy.run_path(str(root / "tools" / "consent_truth.py"))
    assert tool["text"]() == (Path(__file__).parent / "truth.csv").read_text(encoding="utf-8")


def test_the_table_covers_every_axis_with_both_outcomes() -> None:
    rows = truth_rows()
    assert len(rows) > 1000
    for axis, floor in (("shape", 23), ("purpose", 7), ("actor", 4), ("record", 9), ("time", 2)):
        assert len({row[axis] for row in rows}) >= floor
        for value in {row[axis] for row in rows} - {s["id"] for s in TABLE["shape"] if not s["when"]}:
            assert {row["decision"] for row in rows if row[axis] == value} == {"permit", "deny"}, (axis, value)


@pytest.mark.parametrize("shape", SHAPES)
def test_every_row_is_decided_as_the_guide_says(shape: str) -> None:
    consent = json.dumps(consent_json(SHAPES[shape]["provision"])).encode()
    wrong, known = [], {}
    for row in truth_rows():
        if row["shape"] == shape:
            asked = (row["purpose"], row["actor"], row["time"])
            rulings = known[asked] = known.get(asked) or prepared(consent, row)
            verdict = rulings.decide(FACTS[row["record"]])
            assert verdict.reason in REASONS
            assert rulings.asking()(FACTS[row["record"]]) == verdict
            assert rulings.constant is None or rulings.constant.permit == verdict.permit
            if verdict.permit != (row["decision"] == "permit"):
                wrong.append((tuple(row.values()), verdict.reason))
    assert wrong == []
