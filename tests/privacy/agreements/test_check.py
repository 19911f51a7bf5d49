"""Disclosures under agreements: a truth table, the register of processing, and what is due for erasure."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.policy import POLICY as TEXT
from support.records import PROVENANCE, SPO2

from iomt_interop import model as m
from iomt_interop.privacy.agreements import (
    REASONS,
    Held,
    Interface,
    check_disclosure,
    due_for_erasure,
    held_of,
    load_policy,
    register,
    register_markdown,
)

POLICY = load_policy(TEXT)
OBS, WAVE = ("observation",), ("waveform",)


@pytest.mark.parametrize(
    ("recipient", "purpose", "day", "kinds", "expected"),
    [
        ("registry", "HRESCH", "2026-02-01", OBS, ("agreement-permit",)),
        ("registry", "HRESCH", "2026-12-31", OBS, ("agreement-permit",)),
        ("registry", "HRESCH", "2026-01-31", OBS, ("agreement-not-begun",)),
        ("registry", "HRESCH", "2027-01-01", OBS, ("agreement-expired",)),
        ("registry", "HRESCH", "2026-05-01", WAVE, ("agreement-kind",)),
        ("registry", "HRESCH", "2026-05-01", ("subject",), ("purpose-kind", "agreement-kind")),
        ("registry", "TREAT", "2026-05-01", OBS, ("recipient-purpose", "agreement-purpose")),
        ("registry", "HMARKT", "2026-05-01", OBS, ("purpose-unregistered",)),
        ("nobody", "HRESCH", "2026-05-01", OBS, ("recipient-unknown",)),
        ("lost", "HRESCH", "2026-05-01", OBS, ("recipient-blocked",)),
        ("clinic", "TREAT", "2026-05-01", OBS, ("agreement-exempt",)),
        ("clinic", "HRESCH", "2026-05-01", OBS, ("recipient-purpose", "agreement-none")),
        ("cloud", "HRESCH", "2026-05-01", OBS, ("agreement-permit",)),
        ("cloud", "HRESCH", "2026-06-01", OBS, ("agreement-terminated",)),
        ("cloud", "HRESCH", "2026-02-01", OBS, ("agreement-transfer",)),
        ("cloud", "HRESCH", "2024-02-01", OBS, ("agreement-not-begun", "agreement-transfer")),
    ],
)
def test_disclosures(recipient: str, purpose: str, day: str, kinds: tuple[str, ...], expected: tuple[str, ...]) -> None:
    verdict = check_disclosure(POLICY, recipient, purpose, date.fromisoformat(day), kinds=kinds)
    assert verdict.reasons == expected
    assert verdict.permitted == (expected[0] in {"agreement-permit", "agreement-exempt"})
    assert (verdict.agreement is not None) == (expected == ("agreement-permit",))
    assert verdict.policy == POLICY.digest
    assert set(verdict.reasons) <= set(REASONS)


def test_an_area_that_is_not_given_makes_no_third_country() -> None:
    text = TEXT.replace(b'area = ["DE", "FR"]\n', b"")
    verdict = check_disclosure(load_policy(text), "cloud", "HRESCH", date(2026, 2, 1), kinds=OBS)
    assert verdict.reasons == ("agreement-permit",)


FACES = [
    Interface("hl7v2_oru", "HL7 v2 observations", ("observation", "subject"), ("subject",)),
    Interface("wave_only", "Waves", ("waveform",), ("waveform.extensions",)),
    Interface("other", "Devices", ("device",), ("device.serial",)),
]


def test_the_register_has_what_article_30_asks_for() -> None:
    care, research = register(POLICY, FACES, date(2026, 5, 1))
    assert care.interfaces == ("hl7v2_oru", "wave_only")
    assert care.identifiers == ("subject", "waveform.extensions")
    assert [line.agreements for line in research.recipients] == [
        ("dpa-1 (processing)",),
        ("baa-1 (baa)", "scc-1 (transfer)"),
        ("dpa-lost (processing)",),
    ]
    assert [line.third_country for line in research.recipients] == [False, True, False]
    assert care.recipients[0].exempt is not None
    assert care.retention[0] == "subject: no rule"
    assert care.retention[2] == "waveform: 10 years 0 days (medical record); 0 years 90 days (raw signal)"
    page = register_markdown(POLICY, [care, research], date(2027, 5, 1))
    # (a) controller and officer, (b) purposes, (c) categories, (d) recipients, (e) transfers, (f) limits, (g) security.
    for text in (
        "Example Hospital", "dpo@hospital.example", "## HRESCH", "observation, waveform", "Heart Registry", "| US |",
        "10 years", "encrypted at rest", POLICY.digest, "Lost &amp; Sons",
    ):  # fmt: skip
        assert text in page
    later = register_markdown(POLICY, register(POLICY, FACES, date(2027, 5, 1)), date(2027, 5, 1))
    assert "Heart Registry (processor, DE): NO AGREEMENT IN FORCE" in later


ONE, TWO = "0" * 31 + "1", "0" * 31 + "2"


@pytest.mark.parametrize(
    ("subject", "kind", "newest", "day", "state", "on"),
    [
        (TWO, "observation", "2016-05-01", "2026-05-01", "kept", "2026-05-02"),
        (TWO, "observation", "2016-05-01", "2026-05-02", "due", "2026-05-02"),
        (TWO, "observation", "2016-02-29", "2026-03-01", "due", "2026-03-01"),
        (TWO, "waveform", "2016-05-01", "2016-12-01", "kept", "2026-05-02"),
        (TWO, "subject", "1990-05-01", "2026-05-02", "no-rule", None),
        (ONE, "observation", "2016-05-01", "2036-01-01", "held", "2026-05-02"),
        (ONE, "observation", "2016-05-01", "2037-01-01", "held", "2026-05-02"),
        (ONE, "observation", "2016-05-01", "2037-01-02", "due", "2026-05-02"),
    ],
)
def test_what_is_due(subject: str, kind: str, newest: str, day: str, state: str, on: str | None) -> None:
    (found,) = due_for_erasure(POLICY, [Held(subject, kind, date.fromisoformat(newest))], date.fromisoformat(day))
    assert (found.state, found.on and found.on.isoformat()) == (state, on)
    assert found.holds == (("case-7",) if state == "held" else ())


def test_what_records_hold() -> None:
    def observed(number: int, time: m.Time | None, subject: str | None = "a") -> m.Observation:
        return m.Observation(
            id=m.record_id(number), provenance=PROVENANCE, code=SPO2, status="final", time=time, subject=subject
        )

    records = [
        m.Subject(id="a", provenance=PROVENANCE),
        m.Subject(id="b", provenance=PROVENANCE),
        observed(1, m.Instant(value="2016-05-01T10:00:00Z")),
        observed(
            2, m.Interval(start=m.Instant(value="2016-06-30T23:00:00Z"), end=m.Instant(value="2016-07-01T01:00Z"))
        ),
        observed(3, m.Instant(value="2016")),
        observed(4, m.Instant(value="2016-02-31")),
        observed(5, None),
        observed(6, m.Day(value="2030-01-01"), subject=None),
        observed(7, m.Instant(value="2015-02"), subject="c"),
    ]
    found = {(held.subject, held.kind): held.newest for held in held_of(records, str.upper)}
    assert found == {
        ("A", "subject"): date(2016, 12, 31),
        ("A", "observation"): date(2016, 12, 31),
        ("B", "subject"): None,
        ("C", "observation"): date(2015, 2, 28),
    }
    (undated,) = due_for_erasure(POLICY, [Held(TWO, "observation", None)], date(2999, 1, 1))
    assert (undated.state, undated.on) == ("no-date", None)


@given(st.dates(), st.dates())
def test_nothing_is_due_before_its_time(newest: date, day: date) -> None:
    (found,) = due_for_erasure(POLICY, [Held(TWO, "observation", newest)], day)
    assert found.state in {"due", "kept"}
    if day <= newest + timedelta(days=min(3651, (date.max - newest).days)):
        assert found.state == "kept"


def test_what_outlives_the_calendar_is_kept() -> None:
    """A period that ends after the year 9999 has no day on which it is due."""
    for newest in (date(9989, 12, 31), date(9998, 6, 1), date.max):
        (found,) = due_for_erasure(POLICY, [Held(TWO, "observation", newest)], date.max)
        assert (newest, found.state, found.on) == (newest, "kept", None)
