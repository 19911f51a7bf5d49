"""What identifies (HIPAA 164.514(b)(2)(i)): parts of an address below a state, dates, texts in the source's charset."""

from __future__ import annotations

import pytest
from support.records import make

from iomt_interop import model as m
from iomt_interop.privacy import find_leaks, identifying_values

SUBJECT = make(
    m.Subject,
    identifiers=(m.Identifier(value="MRN-48151623"),),
    names=(m.PersonName(family="Zebradottir", given=("Zo\u00eb", "Anna-Lena")),),
    addresses=(
        m.Address(lines=("Zebra Lane 7",), city="Zebraville", district="Zebra County", state="XY", postal_code="Z4815"),
    ),
    telecoms=(m.Telecom(value="+1-555-0148"),),
    birth_date=m.Instant(value="1948-15-16"[:4] + "-11-16", native="19481116"),
    deceased=m.Instant(value="2026-11-24"),
    extensions=(m.Extension(namespace="hl7v2_oru", path="PID-6", value="Mother Zebra"),),
)


@pytest.mark.parametrize(
    "text",
    [
        "MRN-48151623",
        "Zebradottir",
        "Anna-Lena",
        "Zebra Lane 7",
        "Zebraville",
        "Zebra County",
        "Z4815",
        "+1-555-0148",
        "19481116",
        "2026-11-24",
        "Mother Zebra",
    ],
)
def test_every_direct_identifier_of_a_subject_is_given(text: str) -> None:
    assert text in set(identifying_values([SUBJECT]))


def test_what_accounts_teams_and_organisations_are_called_is_given() -> None:
    name = m.PersonName(family="van Zebra-Lion", own_name="Zebraborn", partner_name="Lionborn")
    works = m.Organization(name="Zebra Works")
    number = m.Identifier(value="ACC-4815", facility="ZEBRA CLINIC")
    records = [
        make(m.Account, name="Account of Zebra", identifiers=(number,)),
        make(m.CareTeam, name="Team for Zebra", members=(m.Actor(role="member", names=(name,), behalf=works),)),
    ]
    expected = {
        "Account of Zebra", "Team for Zebra", "Zebraborn", "Lionborn", "Zebra Works", "ACC-4815", "ZEBRA CLINIC",
    }  # fmt: skip
    assert expected <= set(identifying_values(records))


def test_a_state_and_texts_too_short_to_search_for_are_not_given() -> None:
    values = set(identifying_values([SUBJECT]))
    assert "XY" not in values
    assert "Zo\u00eb" not in values


def test_a_person_is_found_wherever_a_record_names_one() -> None:
    person = m.PersonName(family="Zebradottir")
    note = m.Note(text="seen by the neighbour", author="Zebra the Second")
    place = m.Location(bed="Bed-4815")
    stay = make(m.Encounter, actors=(m.Actor(role="attending", names=(person,)),), location=place)
    order = make(m.Order, notes=(note,), placer=(m.Identifier(value="PLACER-1"),))
    device = make(m.Device, node="mds", serial="SN-4815", udi=(m.Udi(carrier_hrf="(01)4815(21)1623"),))
    residue = make(m.Residue, raw=b"NK1|1|Zebradottir\rNK1|2|Zebrason", reason="ORU-301")
    found = set(identifying_values([stay, order, device, residue]))
    expected = {"Zebradottir", "Bed-4815", "seen by the neighbour", "Zebra the Second", "PLACER-1", "SN-4815"}
    assert expected <= found
    assert {"(01)4815(21)1623", "NK1|1|Zebradottir", "NK1|2|Zebrason"} <= found


def test_codes_units_and_measured_values_identify_nobody() -> None:
    code = m.Concept(codings=(m.Coding(code="150456", refid="MDC_PULS_OXIM_SAT_O2"),), text="oxygen saturation")
    record = make(m.Observation, code=code, value=m.Quantity.from_text("123456.789"), subject="a subject")
    assert list(identifying_values([record])) == []


def test_a_text_is_found_in_the_charset_of_its_message() -> None:
    message = "PID|||1||M\u00fcller^Zo\u00eb\r".encode("latin-1")
    assert find_leaks(message, ["somebody", "M\u00fcller"]) == [(1, "latin-1")]
