"""One record of every kind, for tests of what must hold for all."""

from __future__ import annotations

from iomt_interop import model as m

__all__ = ["AT", "SECRET", "SPO2", "every_kind", "make"]

SECRET = "ZEBRA-48151623"
PROVENANCE = m.Provenance(adapter="test", version="1", digest="ab" * 32, span=(3, 9), path="OBX(1)")
MDC = "urn:iso:std:iso:11073:10101"
SPO2 = m.Concept(codings=(m.Coding(system=MDC, code="150456", refid="MDC_PULS_OXIM_SAT_O2"),))
AT = m.Instant(value="2026-11-24T10:58:03.20+01:00", native="20261124105803.20+0100")


def make(cls: type[m.Envelope], **fields: object) -> m.Envelope:
    """Return a record with an id of its own."""
    return cls(id=m.record_id(cls.__name__), provenance=PROVENANCE, **fields)


def every_kind() -> list[m.Record]:
    """Return one record of every kind."""
    wave = m.Channel(
        code=SPO2, unit="mV", period=m.Rational(numerator=1, denominator=500), factor=m.Number.from_text("0.0050")
    )
    run = m.Segment(channel=0, dtype="i2", data=b"\x00\xff\x01\x80", n=2, marks=b"\x00\x01")
    subject = make(m.Subject, identifiers=(m.Identifier(value=SECRET),), names=(m.PersonName(family=SECRET),))
    return [
        make(m.Message, protocol="hl7v2", control_id=SECRET),
        subject,
        make(m.Encounter, location=m.Location(bed="4"), subject=subject.id),
        make(m.Order, placer=(m.Identifier(value=SECRET),), subject=subject.id),
        make(m.Device, node="phd", serial=SECRET),
        make(m.DeviceAssociation, device="d"),
        make(m.Metric, code=SPO2, resolution=m.Number.from_text("0.10")),
        make(m.ClockSync, offset_ns=-5, reference=AT),
        make(
            m.Observation, code=SPO2, value=m.Quantity.from_text("98.00"), time=AT, status="final", subject=subject.id
        ),
        make(m.Waveform, code=SPO2, channels=(wave,), segments=(run,)),
        make(m.Alert, text=SECRET, priority="high"),
        make(m.Setting, code=SPO2, programmed=m.BitSetValue(width=16, bits=0x8001, mask=0xFFFF)),
        make(m.Event, code=SPO2, text=SECRET),
        make(m.Session, session_type="sleep", time=m.Day(value="2026-10-25", zone="Europe/Paris")),
        make(m.Study, description=SECRET),
        make(m.Document, data=bytes(range(256)), media_type="application/pdf"),
        make(m.Activity, targets=(m.Target(kind="subject", id=subject.id),), recorded=AT),
        make(m.Request, placer=(m.Identifier(value=SECRET),), subject=subject.id),
        make(m.Specimen, identifiers=(m.Identifier(value=SECRET),), subject=subject.id),
        make(m.RelatedPerson, names=(m.PersonName(family=SECRET),), subject=subject.id),
        make(m.Coverage, identifiers=(m.Identifier(value=SECRET),), subject=subject.id),
        make(m.Condition, code=SPO2, subject=subject.id),
        make(m.Allergy, code=SPO2, subject=subject.id),
        make(m.Procedure, code=SPO2, subject=subject.id),
        make(m.Immunization, vaccine=SPO2, lot=SECRET, subject=subject.id),
        make(m.Appointment, start=AT, subject=subject.id),
        make(m.Prescription, drug=SPO2, placer=(m.Identifier(value=SECRET),), subject=subject.id),
        make(m.Account, identifiers=(m.Identifier(value=SECRET),), subject=subject.id),
        make(m.CareTeam, members=(m.Actor(role="case-manager"),), subject=subject.id),
        make(m.Residue, raw=SECRET.encode(), reason="HL7-199"),
        make(m.Issue, severity="warning", code="HL7-101"),
    ]
