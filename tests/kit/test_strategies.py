"""The strategies of canonical records: wide, valid, and taken by whatever takes records."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any, Literal, get_args, get_origin
from unicodedata import category

import pytest
from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis import strategies as st
from support.records import SPO2

import iomt_interop as iomt
from iomt_interop import model as m
from iomt_interop.errors import OutputError
from iomt_interop.model.base import Model
from iomt_interop.privacy.identifiers import identifying_values
from iomt_interop.testing import strategies as s
from iomt_interop.testing.strategies._derive import Flavour, derive
from iomt_interop.vault import KeyFile, Vault

DRAWS = 300
"""Draws of one kind, within which every field is to be something else than its default at least once."""

ONLY_GENERATE = settings(
    max_examples=DRAWS,
    phases=[Phase.generate],
    database=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)

CLASSES = [cls for cls in vars(m).values() if isinstance(cls, type) and issubclass(cls, Model)]
PARTS = [cls for cls in CLASSES if cls is not Model and not issubclass(cls, m.Envelope)]

LINE_ENDS = "\u2028\u2029"

VALUES = (
    "numbers", "quantities", "ranges", "ratios", "codings", "concepts", "identifiers", "extensions", "provenances",
    "qualities", "instants", "periods", "days", "bit_sets", "channels", "person_names", "components", "times", "values",
)  # fmt: skip


def parts(part: object) -> Iterator[Model]:
    """Yield a model and all models inside it."""
    if isinstance(part, Model):
        yield part
        for name in type(part).model_fields:
            yield from parts(getattr(part, name))
    elif isinstance(part, tuple):
        for item in part:
            yield from parts(item)


def drawn(strategy: st.SearchStrategy[Any]) -> list[Any]:
    found: list[Any] = []

    @ONLY_GENERATE
    @given(strategy)
    def collect(value: object) -> None:
        found.append(value)

    collect()
    return found


@cache
def records_of(kind: Any) -> tuple[m.Record, ...]:
    """Return many records of a kind, drawn once for all tests that count what occurs."""
    return tuple(drawn(s.records([kind])))


def never_set(cls: type[Model], found: Sequence[Model]) -> list[str]:
    """Name the fields that are at their default in everything that was found."""
    return [
        name
        for name, info in cls.model_fields.items()
        if get_origin(info.annotation) is not Literal or len(get_args(info.annotation)) > 1
        if all(getattr(part, name) == info.default for part in found)
    ]


@pytest.mark.parametrize("kind", s.KINDS)
def test_every_field_of_a_record_is_set_at_least_once(kind: Any) -> None:
    found = records_of(kind)
    assert {type(record) for record in found} == {s.KINDS[kind]}
    assert never_set(s.KINDS[kind], found) == []


@pytest.mark.parametrize("cls", PARTS, ids=lambda cls: cls.__name__)
def test_every_field_of_a_part_is_set_at_least_once(cls: type[Model]) -> None:
    assert never_set(cls, drawn(derive(cls, Flavour()))) == []


def test_records_hold_every_class_and_every_choice() -> None:
    met: dict[str, set[object]] = defaultdict(set)
    for kind in s.KINDS:
        for part in parts(records_of(kind)):
            met["class"].add(type(part))
            if isinstance(part, m.Instant):
                met["precision"].add(part.precision)
                met["offset"].add(part.offset_minutes is None)
            if isinstance(part, m.Number):
                met["special"].add(part.special)
                met["literal"].add(part.literal is None)
            if isinstance(part, m.Segment):
                met["dtype"].add(part.dtype)
    assert met["class"] == {*PARTS, *s.KINDS.values()}
    assert met["precision"] == {"year", "month", "day", "hour", "minute", "second", "fraction"}
    assert met["special"] == {None, "nan", "nres", "+inf", "-inf", "reserved"}
    assert met["dtype"] == {"i1", "u1", "i2", "u2", "i4", "u4", "i8", "f4", "f8"}
    assert {bits.width for bits in drawn(s.bit_sets())} == {8, 16, 24, 32, 64}
    assert met["offset"] == met["literal"] == {True, False}
    assert len({type(value) for value in drawn(s.values())}) == 11


@given(st.lists(s.records(), max_size=3))
def test_the_json_form_gives_back_what_was_drawn(records: list[m.Record]) -> None:
    data = m.to_json(records)
    assert m.records_from_json(data) == records
    assert m.to_json(m.records_from_json(data)) == data


@given(s.records())
def test_the_models_own_rules_hold(record: m.Record) -> None:
    for part in parts(record):
        assert type(part)(**{name: getattr(part, name) for name in part.model_fields_set}) == part
        match part:
            case m.Instant():
                assert part.offset_minutes is None or part.utc_ns is not None
            case m.Number() if part.special is None and part.literal is not None:
                assert m.parse_decimal(part.literal) == (part.mantissa, part.exponent)
            case m.Number() if part.special is not None:
                assert (part.mantissa, part.exponent) == (0, 0)
            case m.Range(low=m.Quantity() as low, high=m.Quantity() as high):
                assert low.to_decimal() <= high.to_decimal()
                assert low.unit == high.unit
            case m.BitSetValue():
                assert part.bits >> part.width == 0 == (part.mask or 0) >> part.width
            case m.Waveform():
                for segment in part.segments:
                    assert len(segment.data) == segment.n * int(segment.dtype[1])
                    assert segment.marks is None or len(segment.marks) == segment.n
                    assert segment.channel < len(part.channels)
                for one, two in zip(part.segments, part.segments[1:], strict=False):
                    assert one.channel < two.channel or one.start_index + one.n <= two.start_index
            case m.Observation():
                assert part.value is None or not part.components
            case _:
                pass


def test_there_are_gaps_in_waveforms() -> None:
    def has_gap(wave: m.Waveform) -> bool:
        return any(
            a.channel == b.channel and 0 < a.start_index + a.n < b.start_index
            for a, b in zip(wave.segments, wave.segments[1:], strict=False)
        )

    assert any(isinstance(wave, m.Waveform) and has_gap(wave) for wave in records_of("waveform"))


@pytest.mark.parametrize("name", VALUES)
def test_the_values_stand_alone(name: str) -> None:
    @settings(max_examples=20)
    @given(getattr(s, name)())
    def check(value: Model) -> None:
        assert type(value).model_validate_json(value.model_dump_json()) == value

    check()


@given(s.records(identifying=False))
def test_without_identifying_data_nothing_identifies(record: m.Record) -> None:
    assert list(identifying_values([record])) == []


@given(s.records(printable=True))
def test_printable_text_is_printable(record: m.Record) -> None:
    for part in parts(record):
        for name in type(part).model_fields:
            value = getattr(part, name)
            for text in value if isinstance(value, tuple) else (value,):
                assert not isinstance(text, str) or all(category(c)[0] != "C" and c not in LINE_ENDS for c in text)


def test_text_goes_through_all_of_unicode_but_surrogates() -> None:
    assert find(s.texts(), lambda text: "\x00" in text) == "\x00"
    assert find(s.texts(), lambda text: any(c > "\uffff" for c in text)) == "\U00010000"
    assert len(find(s.texts(printable=True, min_size=3), lambda _: True)) == 3


def _is_measured(record: m.Event) -> bool:
    return isinstance(record.value, m.Quantity) and record.device is not None


def test_a_field_can_be_chosen_and_a_failure_shrinks_to_little() -> None:
    record = find(s.events(code=st.just(SPO2)), _is_measured)
    assert record.code == SPO2
    assert record.value == m.Quantity()
    set_fields = {name for name in type(record).model_fields if getattr(record, name) not in (None, ())}
    always = {"id", "schema_version", "kind", "provenance", "code", "value", "device"}
    assert len(set_fields - always) <= 2
    assert find(s.observations(components=st.just(())), lambda r: True).value is None


def targets(part: object) -> Iterator[tuple[str, str]]:
    """Yield the references inside a record: field and id."""
    for inner in parts(part):
        for name in (*s.REFERENCES, "subject"):
            value = getattr(inner, name, None)
            for item in value if isinstance(value, tuple) else (value,):
                if isinstance(item, str):
                    yield name, item


@given(s.batches())
def test_the_references_of_a_batch_resolve(batch: list[m.Record]) -> None:
    known: dict[str, str] = {}
    assert isinstance(batch[0], m.Subject)
    for record in batch:
        for name, target in targets(record):
            assert target in known
            assert s.REFERENCES.get(name, "subject") in (None, known[target])
        assert record.id not in known
        known[record.id] = record.kind
        if record.kind in ("observation", "waveform", "alert", "encounter", "order"):
            assert record.subject == batch[0].id


@given(st.lists(s.records(), max_size=2) | s.batches(max_content=2))
@settings(max_examples=80)
def test_the_fhir_writer_takes_every_record_or_says_why_not(records: list[m.Record]) -> None:
    try:
        payload = iomt.write(records, to="fhir_r4")
    except OutputError:
        return
    assert payload.startswith(b"{")


@given(s.batches())
@settings(max_examples=15)
def test_the_vault_gives_back_what_it_was_given(
    tmp_path_factory: pytest.TempPathFactory, batch: list[m.Record]
) -> None:
    folder = tmp_path_factory.mktemp("kit")
    key = KeyFile.create(folder / "key")
    with Vault.create(folder / "v", keys=key) as vault:
        vault.put(batch)
    with Vault.open(folder / "v", keys=key) as vault:
        assert list(vault.records()) == batch
