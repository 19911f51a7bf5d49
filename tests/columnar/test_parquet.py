"""Encrypted Parquet: other readers open it with the key, nobody without, and no change of a bit gives other data."""

from __future__ import annotations

import base64
import os
import random
import re
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pyarrow.parquet.encryption as modular
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.full import Planter, full_records
from support.records import AT, SECRET, SPO2, every_kind, make

from iomt_interop import model as m
from iomt_interop.columnar import SCHEMA, parquet_chunks, read_parquet, to_table, write_parquet
from iomt_interop.columnar import parquet as module
from iomt_interop.crypto import SecretKey
from iomt_interop.errors import (
    DecryptionFailed,
    InvalidRequest,
    IomtError,
    KeyUnavailable,
    MalformedInput,
    SourceUnavailable,
)
from iomt_interop.privacy import find_leaks

from .test_rows import RECORDS

KEY = SecretKey(bytes(range(32)))
OTHER = SecretKey(bytes(range(1, 33)))


def compound(number: int) -> m.Observation:
    """Return a blood pressure."""
    parts = [m.Component(code=SPO2, value=m.Quantity(mantissa=number * k, exponent=-1, unit="mm[Hg]")) for k in (1, 2)]
    return m.Observation(
        id=m.record_id(number),
        provenance=m.Provenance(adapter="test", version="1"),
        code=m.Concept(codings=(m.Coding(system="urn:test", code=f"c{number % 7}"),)),
        time=AT,
        components=tuple(parts),
    )


def wave(octets: int) -> m.Waveform:
    run = m.Segment(channel=0, dtype="u1", data=random.Random(octets).randbytes(octets), n=octets)
    return make(m.Waveform, code=SPO2, channels=(m.Channel(code=SPO2),), segments=(run, run))


def query(path: Path, sql: str, key: SecretKey | None) -> list[tuple[Any, ...]]:
    """Ask DuckDB; ``{}`` is the file. Filters that it pushes down into any encrypted file fail (2.0.1)."""
    with duckdb.connect() as connection:
        connection.execute("SET disabled_optimizers = 'filter_pushdown'")
        table = f"read_parquet('{path}')"
        if key is not None:
            connection.execute(f"PRAGMA add_parquet_key('k', '{base64.b64encode(key.value).decode()}')")
            table = f"read_parquet('{path}', encryption_config = {{footer_key: 'k'}})"
        return connection.execute(sql.format(table)).fetchall()


@pytest.fixture(scope="module")
def small() -> bytes:
    return b"".join(parquet_chunks(every_kind(), key=KEY))


@given(st.lists(RECORDS, max_size=5))
@settings(max_examples=40)
def test_what_is_written_is_read(records: list[m.Record]) -> None:
    for key in (KEY, None):
        data = b"".join(parquet_chunks(records, key=key, plaintext=key is None))
        assert list(read_parquet(data, key=key)) == records


def test_every_kind_with_every_field(tmp_path: Path) -> None:
    records = [*every_kind(), *full_records(Planter())]
    size = write_parquet(records, tmp_path / "x", key=KEY)
    assert size == (tmp_path / "x").stat().st_size
    assert (tmp_path / "x").stat().st_mode & 0o777 == 0o600
    assert os.listdir(tmp_path) == ["x"]
    assert list(read_parquet(tmp_path / "x", key=KEY)) == records
    with (tmp_path / "x").open("rb") as stream:
        assert list(read_parquet(stream, key=KEY)) == records


def test_several_row_groups(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(module, "_ROWS", 7)
    monkeypatch.setattr(module, "_BATCH", 3)
    records = [compound(n) for n in range(100)]
    write_parquet(records, tmp_path / "x", key=KEY)
    assert pq.ParquetFile(tmp_path / "x", decryption_properties=decryption(KEY)).metadata.num_row_groups > 20
    assert list(read_parquet(tmp_path / "x", key=KEY)) == records
    assert query(tmp_path / "x", "SELECT count(DISTINCT id), count(*) FROM {}", KEY) == [(100, 300)]


def decryption(key: SecretKey) -> Any:
    return modular.create_decryption_properties(bytes(key.value))


def test_pyarrow_reads_it_with_the_key_alone(tmp_path: Path) -> None:
    write_parquet(every_kind(), tmp_path / "x", key=KEY)
    table = pq.read_table(tmp_path / "x", decryption_properties=decryption(KEY))
    assert table.schema.equals(SCHEMA)
    assert table.equals(to_table(every_kind()))
    assert table.schema.metadata[b"iomt_interop"] == b"1"
    for properties in (None, decryption(OTHER)):
        with pytest.raises((OSError, pa.ArrowException)):
            pq.read_table(tmp_path / "x", decryption_properties=properties)


def test_duckdb_reads_it_with_the_key_alone(tmp_path: Path) -> None:
    records = [compound(n) for n in range(12_000)]
    write_parquet([*records, wave(3_000_000)], tmp_path / "x", key=KEY)
    [counted] = query(
        tmp_path / "x",
        "SELECT count(*) FILTER (kind = 'observation'), sum(value_mantissa) FILTER (kind = 'component' AND place = 1), "
        "min(value_exponent), any_value(unit), count(DISTINCT code) FILTER (kind = 'observation'), "
        "min(time_utc_ns) FILTER (kind = 'observation') FROM {}",
        KEY,
    )
    assert counted == (12_000, 12_000 * 11_999, -1, "mm[Hg]", 7, AT.utc_ns)
    assert query(tmp_path / "x", "SELECT data FROM {} WHERE kind = 'segment' AND place = 1", KEY) == [
        (wave(3_000_000).segments[1].data,)
    ]
    for key in (None, OTHER):
        with pytest.raises(duckdb.Error):
            query(tmp_path / "x", "SELECT count(*) FROM {}", key)


def test_a_wrong_key_and_none(small: bytes) -> None:
    with pytest.raises(DecryptionFailed, match="SEC-001"):
        list(read_parquet(small, key=OTHER))
    with pytest.raises(KeyUnavailable, match="SEC-002"):
        list(read_parquet(small))


def test_a_file_in_clear_does_not_pass_for_an_encrypted_one() -> None:
    clear = b"".join(parquet_chunks(every_kind(), plaintext=True))
    assert list(read_parquet(clear)) == every_kind()
    with pytest.raises(DecryptionFailed, match="not encrypted"):
        list(read_parquet(clear, key=KEY))


def test_nothing_is_written_in_clear_by_mistake(tmp_path: Path) -> None:
    for wrong in ({}, {"key": KEY, "plaintext": True}, {"key": SecretKey(b"short")}):
        with pytest.raises(InvalidRequest):
            write_parquet(every_kind(), tmp_path / "x", **wrong)  # type: ignore[arg-type]
    assert not list(tmp_path.iterdir())


def test_no_value_and_no_name_of_a_column_stands_in_clear(small: bytes) -> None:
    planter = Planter()
    data = b"".join(parquet_chunks([*every_kind(), *full_records(planter)], key=KEY))
    clear = b"".join(parquet_chunks([*every_kind(), *full_records(planter)], plaintext=True))
    names = [name for name in SCHEMA.names if len(name) > 3]
    marks = [SECRET, "150456", *list(planter.marks)[::20]]
    assert find_leaks(data, marks) == []
    assert [name for name in names if name.encode() in data] == []
    # What is looked for is there to be found: the file in clear has it.
    assert all(name.encode() in clear for name in names)
    assert b"iomt_interop" not in data
    assert re.findall(rb"[ -~]{12,}", small) == []


def test_no_change_of_a_bit_gives_other_data(small: bytes) -> None:
    """Every bit of its edges, which pyarrow does not look at so closely, and 1,000 octets elsewhere."""
    rng = random.Random(4)
    footer = len(small) - 8 - int.from_bytes(small[-8:-4], "little")
    edges = [*range(12), *range(footer, footer + 60), *range(len(small) - 24, len(small))]
    flips = [(place, bit) for place in edges for bit in range(8)]
    flips += [(place, rng.randrange(8)) for place in rng.sample(range(len(small)), 1_000)]
    passed = []
    for place, bit in flips:
        changed = bytearray(small)
        changed[place] ^= 1 << bit
        try:
            list(read_parquet(bytes(changed), key=KEY))
        except DecryptionFailed:
            continue
        passed.append(place)
    assert passed == []


def test_no_change_of_a_bit_gives_other_data_in_duckdb(small: bytes, tmp_path: Path) -> None:
    """It does not look at everything (a dictionary of no values, the first four octets); what it gives is right."""
    (tmp_path / "x").write_bytes(small)
    kept = query(tmp_path / "x", "SELECT * FROM {}", KEY)
    rng = random.Random(5)
    noticed = 0
    for place in rng.sample(range(len(small)), 60):
        changed = bytearray(small)
        changed[place] ^= 1 << rng.randrange(8)
        (tmp_path / "x").write_bytes(changed)
        try:
            assert query(tmp_path / "x", "SELECT * FROM {}", KEY) == kept
        except duckdb.Error:
            noticed += 1
    assert noticed >= 45


def test_a_file_that_is_cut_or_mixed(small: bytes) -> None:
    twin = b"".join(parquet_chunks(every_kind(), key=KEY))
    assert len(twin) == len(small)
    for cut in range(0, len(small), 97):
        mixed = small[:cut] + twin[cut:]
        for wrong in (small[:cut], small[cut + 1 :], b"" if mixed in (small, twin) else mixed):
            with pytest.raises(IomtError):
                list(read_parquet(wrong, key=KEY))


class Memory(modular.KmsClient):  # type: ignore[misc]
    """A key service that keeps in mind what it wrapped."""

    def __init__(self, seen: dict[str, bytes]) -> None:
        super().__init__()
        self._seen = seen

    def wrap_key(self, key_bytes: bytes, master_key_identifier: str) -> str:
        self._seen[master_key_identifier] = bytes(key_bytes)
        return base64.b64encode(key_bytes).decode()

    def unwrap_key(self, wrapped_key: str, master_key_identifier: str) -> bytes:
        return base64.b64decode(wrapped_key)


def by_factory(path: Path, **more: Any) -> SecretKey:
    """Write a table by pyarrow's high-level interface; return the footer's key."""
    seen: dict[str, bytes] = {}
    factory = modular.CryptoFactory(lambda _: Memory(seen))
    config = modular.EncryptionConfiguration("footer", double_wrapping=False, data_key_length_bits=256, **more)
    properties = factory.file_encryption_properties(modular.KmsConnectionConfig(), config)
    pq.write_table(to_table(every_kind()), path, encryption_properties=properties)
    return SecretKey(seen["footer"])


def test_columns_in_clear_beside_encrypted_ones_are_refused(tmp_path: Path) -> None:
    """pyarrow itself reads what is in clear there, changed or not."""
    key = by_factory(tmp_path / "part", column_keys={"column": ["rest", "subject"]})
    assert pq.read_table(tmp_path / "part", columns=["id"], decryption_properties=decryption(key)).num_rows
    with pytest.raises(DecryptionFailed):
        list(read_parquet(tmp_path / "part", key=key))
    key = by_factory(tmp_path / "whole", uniform_encryption=True)
    assert list(read_parquet(tmp_path / "whole", key=key)) == every_kind()


@pytest.mark.parametrize("data", [b"", b"PAR1", b"PARE", b"x" * 100, b"PAR1" + bytes(50) + b"PAR1"])
def test_octets_that_are_no_parquet(data: bytes) -> None:
    if not data.endswith(b"PARE"):
        with pytest.raises(MalformedInput, match="COL-001"):
            list(read_parquet(data))
    with pytest.raises(DecryptionFailed, match="SEC-001"):
        list(read_parquet(data, key=KEY))


@given(st.binary(max_size=300))
@settings(max_examples=50)
def test_any_octets(data: bytes) -> None:
    for octets in (data, b"PAR1" + data + b"PAR1", b"PARE" + data + len(data).to_bytes(4, "little") + b"PARE"):
        for key in (None, KEY):
            with pytest.raises(IomtError):
                list(read_parquet(octets, key=key))


def test_other_columns_are_refused() -> None:
    sink = BytesIO()
    pq.write_table(
        pa.table({"a": [1]}), sink, encryption_properties=modular.create_encryption_properties(bytes(KEY.value))
    )
    with pytest.raises(MalformedInput, match="COL-001"):
        list(read_parquet(sink.getvalue(), key=KEY))


def test_what_cannot_be_opened_or_written(tmp_path: Path) -> None:
    with pytest.raises(SourceUnavailable):
        list(read_parquet(tmp_path / "none", key=KEY))
    with pytest.raises(InvalidRequest):
        write_parquet([], tmp_path / "none" / "x", key=KEY)
    with pytest.raises(InvalidRequest):
        write_parquet([], tmp_path, key=KEY)


def test_a_source_that_fails_leaves_no_file(tmp_path: Path) -> None:
    def failing() -> Iterator[m.Record]:
        yield compound(1)
        raise DecryptionFailed("SEC-001")

    (tmp_path / "x").write_bytes(b"before")
    with pytest.raises(DecryptionFailed):
        write_parquet(failing(), tmp_path / "x", key=KEY)
    assert (os.listdir(tmp_path), (tmp_path / "x").read_bytes()) == (["x"], b"before")


def test_memory_does_not_grow_with_the_records(monkeypatch: pytest.MonkeyPatch) -> None:
    """Chunks come while records are still being asked for, and what Arrow holds stays the same."""
    monkeypatch.setattr(module, "_OCTETS", 2 << 20)
    most = []
    for count in (3, 12):
        asked = 0

        def source(count: int = count) -> Iterator[m.Record]:
            nonlocal asked
            for _ in range(count):
                asked += 1
                yield wave(1 << 20)

        held = []
        for _ in parquet_chunks(source(), key=KEY):
            held.append((asked, pa.total_allocated_bytes()))
        assert min(asked for asked, _ in held) <= 2
        most.append(max(octets for _, octets in held))
    assert most[1] <= most[0] * 1.2 + (1 << 20)
