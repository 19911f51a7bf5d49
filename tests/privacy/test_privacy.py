"""What identifies is found in every encoding; demonstrations and tests are nobody's."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.records import SECRET, SPO2, every_kind, make

from iomt_interop import model as m
from iomt_interop.privacy import find_leaks, identifying_values, is_patient_data


def test_every_kind_that_holds_an_identifier_gives_it() -> None:
    kinds = {r.kind for r in every_kind() if SECRET in identifying_values([r])}
    assert {"message", "subject", "order", "device", "residue"} <= kinds


@given(
    st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), min_size=6, max_size=30), st.binary(max_size=20)
)
def test_a_hidden_text_is_found_in_every_encoding(text: str, noise: bytes) -> None:
    raw = text.encode()
    for hidden in (
        raw,
        raw.hex().encode(),
        raw.hex().upper().encode(),
        text.encode("utf-16-le"),
        text.encode("utf-16-be"),
    ):
        assert find_leaks(noise + hidden + noise, [text])
    for shift in range(3):
        assert find_leaks(base64.b64encode(bytes(shift) + raw + b"tail"), [text])


def test_nothing_is_found_where_nothing_is() -> None:
    assert find_leaks(bytes(range(256)) * 10, [SECRET]) == []


@pytest.mark.parametrize("confidence", ["demo", "test", "quality-control"])
def test_what_is_of_no_patient(confidence: str) -> None:
    subject = make(m.Subject, confidence=confidence)
    observation = make(m.Observation, code=SPO2, subject=subject.id)
    assert not is_patient_data(subject, lambda _: None)
    assert not is_patient_data(observation, {subject.id: confidence}.get)
    assert is_patient_data(observation, lambda _: "certain")


@pytest.mark.parametrize(
    "quality", [m.Quality(flags=("demo-data",)), m.Quality(flags=("test-data",)), m.Quality(mode="test")]
)
def test_marked_measurements_are_of_no_patient(quality: m.Quality) -> None:
    assert not is_patient_data(make(m.Observation, code=SPO2, quality=quality), lambda _: "certain")
