"""The strategies of canonical records: wide, valid, and taken by whatever takes records."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

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
from iomt_interop.vault import KeyFile, Vault

DRAWS = 250
"""Draws of one kind, within which every field is to be something else than its default at least once."""

ONLY_GENERATE = settings(
    max_examples=DRAWS,
    phases=[Phase.generate],
    database=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)

VALUES = ("numbers", "quantities", "ranges", "ratios", "codings", "concepts", "identifiers", "extensions",
          "provenances", "qualities", "instants", "periods", "days", "bit_sets", "channels", "person_names", "components", "times",
          "values")  # fmt: skip


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


@pytest.mark.parametrize("kind", s.KINDS)
def test_every_field_is_something_else_than_its_default_at_least_once(kind: Any) -> None:
    default: dict[str, bool] = defaultdict(bool)
    cls = s.KINDS[kind]
    for record in drawn(s.records([kind])):
        assert type(record) is cls
        for name, info in cls.model_fields.items():
            if name not in ("kind", "schema_version"):
                default[name] |= getattr(record, name) != info.default
    assert [name for name, seen in default.items() if not seen] == []


def test_every_field_of_every_part_and_every_choice_is_met() -> None:
    seen: dict[type[Model], set[str]] = defaultdict(set)
    met: dict[str, set[object]] = defaultdict(set)
    for kind in s.KINDS:
        for record in drawn(s.records([kind])):
            for part in parts(record):
                seen[type(part)] |= {
                    name for name, info in type(part).model_fields.items() if getattr(part, name) != info.default
                }
                if isinstance(part, m.Instant):
                    met["precision"].add(part.precision)
                    met["offset"].add(part.offset_minutes is None)
                if isinstance(part, m.Number):
                    met["special"].add(part.special)
                    met["literal"].add(part.literal is None)
                if isinstance(part, m.Segment):
                    met["dtype"].add(part.dtype)
                if isinstance(part, m.BitSetValue):
                    met["width"].add(part.width)
                if isinstance(part, m.Observation | m.Setting | m.Event) or hasattr(part, "value"):
                    met["value"].add(type(getattr(part, "value", None)).__name__)
    constant = {"shape", "type", "kind", "schema_version"}
    missing = [
        f"{cls.__name__}.{name}" for cls, names in seen.items() for name in cls.model_fields
        if name not in names and name not in constant
    ]  # fmt: skip
    assert missing == []
    classes = {cls for cls in vars(m).values() if isinstance(cls, type) and issubclass(cls, Model)}
    assert {c.__name__ for c in classes - {m.Model, m.Envelope} - set(seen)} == set()
    assert met["precision"] == {"year", "month", "day", "hour", "minute", "second", "fraction"}
    assert met["special"] == {None, "nan", "nres", "+inf", "-inf", "reserved"}
    assert met["dtype"] == {"i1", "u1", "i2", "u2", "i4", "u4", "i8", "f4", "f8"}
    assert met["width"] == {8, 16, 24, 32, 64}
    assert met["offset"] == met["literal"] == {True, False}
    assert {"Quantity", "Range", "Ratio", "Absent", "TextValue", "BitSetValue", "AttachmentValue"} <= met["value"]


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

    assert has_gap(find(s.waveforms(), has_gap))


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
                assert not isinstance(text, str) or text.isprintable() or text.strip() == ""


def test_text_goes_through_all_of_unicode_but_surrogates() -> None:
    assert find(s.texts(), lambda text: "\x00" in text) == "\x00"
    assert find(s.texts(), lambda text: any(c > "\uffff" for c in text)) == "\U00010000"
    assert len(find(s.texts(printable=True, min_size=3), lambda _: True)) == 3


def _is_measured(record: m.Observation) -> bool:
    return isinstance(record.value, m.Quantity) and record.device is not None


def test_a_field_can_be_chosen_and_a_failure_shrinks_to_little() -> None:
    record = find(
        s.observations(code=st.just(SPO2)), lambda r: isinstance(r.value, m.Quantity) and r.device is not None
    )
    assert record.code == SPO2
    assert record.value == m.Quantity()
    set_fields = {name for name in type(record).model_fields if getattr(record, name) not in (None, ())}
    assert set_fields <= {
        "id",
        "schema_version",
        "kind",
        "provenance",
        "code",
        "value",
        "device",
        "status",
        "metric_category",
    }
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
