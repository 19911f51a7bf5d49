"""The 23 consents of IHE's own guide: read whole, written back, decided as the truth table says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.consents import PATIENT, facts_in, purpose_code, table, truth_rows

from iomt_interop.model import Instant
from iomt_interop.privacy.consent import consent_from_fhir, consent_to_fhir, prepare

TABLE = table()
FACTS = {name: facts_in(record) for name, record in TABLE["records"].items()}


@pytest.fixture(scope="module")
def consents(corpus: Path) -> dict[str, bytes]:
    folder = corpus / "privacy" / "pcf-consents"
    found = {path.stem: path.read_bytes() for path in sorted(folder.glob("*.json"))}
    assert len(found) == 23
    return found


def shape_of(stem: str) -> str:
    """Return the name of a consent in the truth table."""
    return stem.removeprefix("ex-consent-").removeprefix("ex-").replace("dissent-intermediate", "dissent")


def test_each_is_understood_and_written_back_element_for_element(consents: dict[str, bytes]) -> None:
    for stem, data in consents.items():
        consent = consent_from_fhir(data)
        assert consent.doubts == (), stem
        assert json.loads(consent_to_fhir(consent)) == json.loads(data), stem


def test_each_is_decided_as_the_truth_table_says(consents: dict[str, bytes]) -> None:
    by_shape = {shape_of(stem): consent_from_fhir(data) for stem, data in consents.items()}
    assert set(by_shape) <= {shape["id"] for shape in TABLE["shape"]}
    wrong, seen, known = [], 0, {}
    for row in truth_rows():
        consent = by_shape.get(row["shape"])
        if consent is None:
            continue
        asked = (row["shape"], row["purpose"], row["actor"], row["time"])
        if asked not in known:
            at = Instant(value=TABLE["times"][row["time"]]).utc_ns
            assert at is not None
            known[asked] = prepare(
                [consent],
                patient=PATIENT,
                actor=frozenset(TABLE["actors"][row["actor"]]),
                purpose=purpose_code(row["purpose"]),
                at=at,
            )
        seen += 1
        if known[asked].decide(FACTS[row["record"]]).permit != (row["decision"] == "permit"):
            wrong.append(tuple(row.values()))
    assert wrong == []
    assert seen > 5000
