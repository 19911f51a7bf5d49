"""Infusion orders (RGV^O15, IHE PCD-03): what is to be programmed, for which pump, by whose order."""

from __future__ import annotations

from pathlib import Path

from adapters.hl7v2_oru.support import of, one, read

FIXTURES = Path(__file__).resolve().parents[3] / "fixtures/hl7v2_oru"
RECORDS = read((FIXTURES / "pcd03_order.hl7").read_bytes())
FIRST, SECOND = of(RECORDS, "order")


def settings(order) -> dict[str, object]:
    return {
        s.code.codings[0].refid if s.code.codings else s.code.text: s
        for s in of(RECORDS, "setting")
        if s.order == order.id
    }


def test_orders() -> None:
    assert [i.value for i in FIRST.placer + FIRST.filler] == ["ORD-100", "FIL-7"]
    assert FIRST.code.codings[0].display == "Dopamine"
    assert (FIRST.time.start.value, FIRST.time.end.value) == ("2026-11-24T09:15:00+01:00", "2026-11-25T09:15:00+01:00")
    assert [note.text for note in FIRST.notes] == ["Titrate to effect"]
    assert [i.value for i in SECOND.placer] == ["ORD-101"]
    assert not of(RECORDS, "residue")


def test_an_alternate_that_says_the_same_unit_is_not_kept_twice() -> None:
    """RXG-7: MDC first and UCUM beside it; another unit there would be kept."""
    units = [extension.path for extension in FIRST.extensions if extension.path.startswith("RXG")]
    assert units == ["RXG(1)-1"]
    data = (FIXTURES / "pcd03_order.hl7").read_bytes().replace(b"^MDC^mL^mL^UCUM|||", b"^MDC^mL^L^UCUM|||", 1)
    kept = {extension.path: extension.value for extension in of(read(data), "order")[0].extensions}
    assert (kept["RXG(1)-7.4"], kept["RXG(1)-7.5"], kept["RXG(1)-7.6"]) == ("mL", "L", "UCUM")


def test_each_order_is_for_its_own_pump() -> None:
    pumps = {d.id: [i.value for i in d.identifiers] for d in of(RECORDS, "device")}
    assert pumps[FIRST.devices[0]] == ["02ABCDFFFE000017", "PUMP-17"]
    assert pumps[SECOND.devices[0]] == ["02ABCDFFFE000018", "PUMP-18"]
    assert {s.device for s in settings(FIRST).values()} == set(FIRST.devices)


def test_what_is_to_be_programmed() -> None:
    found = settings(FIRST)
    assert set(found) == {
        "MDC_DRUG_NAME_LABEL", "MDC_VOL_FLUID_TBI", "MDC_FLOW_FLUID_PUMP", "MDC_CONC_DRUG", "route",
    }  # fmt: skip
    volume, rate = found["MDC_VOL_FLUID_TBI"].programmed, found["MDC_FLOW_FLUID_PUMP"].programmed
    assert (volume.text, volume.unit, rate.text, rate.unit) == ("250", "mL", "12.5", "mL/h")
    strength = found["MDC_CONC_DRUG"].programmed
    assert (strength.numerator.text, strength.numerator.unit) == ("400", "mg")
    assert (strength.denominator.text, strength.denominator.unit) == ("250", "mL")
    assert found["route"].programmed.concepts[0].codings[0].code == "IV"
    assert found["MDC_VOL_FLUID_TBI"].code.codings[0].code == "157884"


def test_a_dose_is_told_from_a_volume_by_its_unit() -> None:
    found = settings(SECOND)
    assert (found["MDC_DOSE_DRUG_TBI"].programmed.text, found["MDC_DOSE_DRUG_TBI"].programmed.unit) == ("5000", "[iU]")
    assert found["MDC_RATE_DOSE"].programmed.text == "18"
    assert found["MDC_DRUG_NAME_LABEL"].programmed.concepts[0].codings[0].display == "heparin"


def test_what_is_known_of_the_patient_is_an_observation() -> None:
    weight = one(RECORDS, "observation")
    assert (weight.code.codings[0].refid, weight.value.text, weight.value.unit) == ("MDC_ATTR_PT_WEIGHT", "71.5", "kg")
    assert (weight.order, weight.time.origin) == (FIRST.id, "message")


def test_an_amount_that_is_no_number_is_kept_and_doubted() -> None:
    data = b"MSH|^~\\&|A|||||RGV^O15|1|P|2.6\rORC|RE|1\rRXG|1|||^x|some||mL^^UCUM\r"
    records = read(data)
    assert ("RXG(1)-5", "some") in [(e.path, e.value) for e in one(records, "order").extensions]
    assert [i.code for i in of(records, "issue")] == ["ORU-202"]
    assert [s.code.codings[0].refid for s in of(records, "setting")] == ["MDC_DRUG_NAME_LABEL"]


def test_details_of_an_order_that_no_record_takes_stay_residue() -> None:
    data = b"MSH|^~\\&|A|||||RDE^O11|1|P|2.6\rORC|NW|1\rRXE|1|x\rTQ1|1\rRXR|IV\r"
    assert sorted(r.path for r in of(read(data), "residue")) == ["ORC(1)", "RXE(1)", "RXR(1)", "TQ1(1)"]
