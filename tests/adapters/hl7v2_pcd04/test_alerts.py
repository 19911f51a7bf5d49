"""PCD-04: one message for each alert, with the facets of IHE PCD TF-2 3.4.4.1.2."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import hl7
import pytest
from adapters.hl7v2_pcd01.support import normal, read, segments, written
from hl7apy.consts import VALIDATION_LEVEL
from hl7apy.parser import parse_message
from hypothesis import given, settings
from hypothesis import strategies as st

from iomt_interop import model as m
from iomt_interop.terminology import systems
from iomt_interop.testing import assert_records_equal

FIXTURES = Path(__file__).parents[3] / "fixtures"
NOT_ALERTS = ("event", "metric", "observation", "order", "setting", "waveform")
MADE = m.Provenance(adapter="made", version="1")


def alert(name: str = "a", **fields: Any) -> m.Alert:
    return m.Alert(**({"id": m.record_id(name), "provenance": MADE} | fields))


@pytest.mark.parametrize("name", ["alert", "pcd04_evidence"])
def test_an_alert_comes_back(name: str) -> None:
    original = read((FIXTURES / "hl7v2_oru" / f"{name}.hl7").read_bytes())
    data, _ = written(original, "hl7v2_pcd04")
    assert_records_equal(normal(read(data), drop=NOT_ALERTS), normal(original, drop=NOT_ALERTS), values=True)


def test_the_evidence_of_an_alert_comes_with_it() -> None:
    """IHE PCD TF-2 3.4.4.1: what was measured when the alert arose is in its message, and is its evidence again."""
    original = read((FIXTURES / "hl7v2_oru" / "pcd04_evidence.hl7").read_bytes())
    data, writer = written(original, "hl7v2_pcd04")
    first = next(text for text in data.decode().split("MSH|") if "MDC_EVT_LO" in text)
    names = [line.split("|")[3].split("^")[1] for line in first.split("\r") if line.startswith("OBX|")]
    measured = names[names.index("MDC_PULS_OXIM_PULS_RATE") :]
    assert measured[:3] == ["MDC_PULS_OXIM_PULS_RATE", "MDC_PULS_OXIM_PLETH", "MDC_ATTR_SAMP_RATE"]
    back = read(data)
    kinds = {record.id: record.kind for record in back}
    alerts = [record for record in back if record.kind == "alert"]
    shown = [[kinds[link.target] for link in one.links if link.relation == "derived_from"] for one in alerts]
    assert shown == [
        [known.kind for known in original if known.id in {link.target for link in one.links}]
        for one in original
        if one.kind == "alert"
    ]
    assert [loss.path for loss in writer.losses if loss.kind == "alert"] == []
    rate = next(record for record in back if record.kind == "observation")
    assert rate.value == next(record for record in original if record.kind == "observation").value
    assert next(record for record in back if record.kind == "waveform").time is not None


@pytest.mark.parametrize("name", ["alert", "pcd04_evidence"])
def test_hl7apy_accepts_segments_and_types(name: str) -> None:
    """hl7apy has no structure ORU_R40; its groups of an OBR and OBX are those of ORU_R01, in HL7 2.6 as well."""
    data, _ = written(read((FIXTURES / "hl7v2_oru" / f"{name}.hl7").read_bytes()), "hl7v2_pcd04")
    found = [f"MSH{text}" for text in data.decode().split("MSH")[1:]]
    assert found
    for text in found:
        known = text.replace("ORU^R40^ORU_R40", "ORU^R01^ORU_R01")
        parsed = parse_message(known, validation_level=VALIDATION_LEVEL.STRICT, find_groups=True)
        assert parsed.validate()
        assert parsed.to_er7() == known.rstrip("\r")


def test_what_was_measured_of_somebody_else_is_no_evidence() -> None:
    measured = m.Observation(id=m.record_id("o"), provenance=MADE, code=m.Concept(text="x"), subject="b" * 32)
    found = alert(links=(m.Link(relation="derived_from", target=measured.id),), subject="a" * 32)
    data, writer = written([found, measured], "hl7v2_pcd04")
    assert len(segments(data, "OBX")) == 1
    assert {(loss.kind, loss.path) for loss in writer.losses} >= {("alert", "links"), ("observation", "")}


def test_facets_have_the_numbers_and_words_of_the_framework() -> None:
    found = alert(
        code=m.Concept(codings=(m.Coding(system=systems.MDC, code="196652", refid="MDC_EVT_HI"),)),
        text="high",
        source=m.Concept(codings=(m.Coding(system=systems.MDC, code="147842", refid="MDC_ECG_HEART_RATE"),)),
        phase="escalate",
        state="latched",
        signals=(m.AlertSignal(manifestation="auditory", activation="paused"),),
        acknowledgement=m.Acknowledgement(state="acknowledged"),
        priority="high",
        alert_kind="physiological",
        handle="1.2.3.4",
    )
    data, writer = written([found], "hl7v2_pcd04")
    (msh,), (obr,) = segments(data, "MSH"), segments(data, "OBR")
    assert (msh[9], obr[4]) == ("ORU^R40^ORU_R40", "196616^MDC_EVT_ALARM^MDC")
    assert msh[21] == "IHE_PCD_ACM_001^IHE PCD^1.3.6.1.4.1.19376.1.6.1.4.1^ISO"
    assert [(obx[2], obx[3].split("^")[1], obx[4][-2:], obx[5]) for obx in segments(data, "OBX")] == [
        ("ST", "MDC_EVT_HI", ".1", "high"),
        ("CWE", "MDC_ATTR_ALERT_SOURCE", ".2", "147842^MDC_ECG_HEART_RATE^MDC"),
        ("ST", "MDC_ATTR_EVENT_PHASE", ".3", "escalate"),
        ("ST", "MDC_ATTR_ALARM_STATE", ".4", "latched"),
        ("ST", "MDC_ATTR_ALARM_INACTIVATION_STATE", ".5", "audio-paused~alert-acknowledged"),
        ("ST", "MDC_ATTR_ALARM_PRIORITY", ".6", "PH"),
        ("ST", "MDC_ATTR_ALERT_TYPE", ".7", "SP"),
    ]
    assert not writer.losses


@pytest.mark.parametrize(("word", "text"), [("none", "PN"), ("low", "PL"), ("medium", "PM"), ("high", "PH")])
def test_priorities(word: str, text: str) -> None:
    data, _ = written([alert(priority=word)], "hl7v2_pcd04")
    assert segments(data, "OBX")[-1][5] == text


def test_a_kind_that_has_no_word_is_a_loss() -> None:
    data, writer = written([alert(alert_kind="other")], "hl7v2_pcd04")
    assert len(segments(data, "OBX")) == 1
    assert [(loss.kind, loss.path) for loss in writer.losses] == [("alert", "alert_kind")]


def test_each_alert_is_a_message_and_measurements_are_none() -> None:
    code = m.Concept(text="x")
    measured = m.Observation(id=m.record_id("o"), provenance=MADE, code=code)
    data, writer = written([alert("a"), measured, alert("b")], "hl7v2_pcd04")
    assert len(segments(data, "MSH")) == 2
    assert [loss.record for loss in writer.losses] == [measured.id]


TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), min_size=1, max_size=12)
SOURCES = st.sampled_from([("147842", "MDC_ECG_HEART_RATE"), ("150456", "MDC_PULS_OXIM_SAT_O2")])


@settings(max_examples=100, deadline=None)
@given(
    st.builds(
        alert,
        code=st.just(m.Concept(codings=(m.Coding(system=systems.MDC, code="196652", refid="MDC_EVT_HI"),))),
        text=TEXTS,
        source=st.builds(
            lambda pair: m.Concept(codings=(m.Coding(system=systems.MDC, code=pair[0], refid=pair[1]),)), SOURCES
        ),
        phase=st.sampled_from(["start", "continue", "end", "update", "escalate", "deescalate", "reset"]),
        state=st.sampled_from(["active", "inactive", "latched"]),
        priority=st.sampled_from(["none", "low", "medium", "high"]),
        alert_kind=st.sampled_from(["physiological", "technical", "advisory"]),
        inactivation=st.none() | st.sampled_from(["audio-paused", "audio-off~alert-acknowledged"]),
        identifiers=st.builds(lambda text: (m.Identifier(value=text, authority="W"),), TEXTS),
        time=st.just(m.Instant(value="2026-11-24T10:58:03+01:00")),
    )
)
def test_generated_alerts_come_back(original: m.Alert) -> None:
    data, writer = written([original], "hl7v2_pcd04")
    assert not writer.losses
    (back,) = (record for record in read(data) if record.kind == "alert")
    for name in ("text", "phase", "state", "priority", "alert_kind", "inactivation", "identifiers"):
        assert getattr(back, name) == getattr(original, name), name
    assert back.code.codings[0] == original.code.codings[0]  # type: ignore[union-attr]
    assert back.source.codings[0] == original.source.codings[0]  # type: ignore[union-attr]
    assert back.time.value == original.time.value  # type: ignore[union-attr]


def test_python_hl7_sees_every_field() -> None:
    text = (FIXTURES / "hl7v2_pcd04" / "heart_rate.hl7").read_bytes().decode()
    for part in text.split("MSH")[1:]:
        parsed = hl7.parse(f"MSH{part}")
        assert str(parsed) == f"MSH{part}"
        assert str(parsed["MSH"][0][9]) == "ORU^R40^ORU_R40"
