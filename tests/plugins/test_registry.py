"""Listing and detection run none of an adapter's code; one broken adapter hides no other."""

from __future__ import annotations

import sys
from itertools import permutations
from pathlib import Path

import pytest
from support.plugin import install

from iomt_interop.errors import (
    AdapterContractError,
    AdapterNotFound,
    AdapterUnavailable,
    AmbiguousFormat,
    IomtError,
    SourceUnavailable,
    UnrecognisedFormat,
)
from iomt_interop.facade import adapters, read, sniff
from iomt_interop.plugins import Evidence, Registry

MAGIC = '[[sniff.magic]]\noffset = 2\nbytes = "AA55"\n'
SECRET = "ZEBRA-48151623"

READER = """
from iomt_interop.model import Event, Concept, Provenance, record_id
class Reader:
    def __init__(self): self.data = b""
    def feed(self, chunk):
        self.data += bytes(chunk)
        return []
    def finish(self):
        return [Event(id=record_id(self.data), provenance=Provenance(adapter="t", version="1"), code=Concept(text="x"))]
def make_reader(context):
    return Reader()
"""


BAD_NUMBER = f"int('{SECRET}')\n        return [Event"
UNDECODABLE = f"raise UnicodeDecodeError('utf-8', b'{SECRET}', 0, 1, '{SECRET}')"


def test_listing_and_sniffing_import_nothing(tmp_path: Path) -> None:
    point = install(tmp_path, "acme_hostile", extra=MAGIC, init="raise SystemExit('imported')")
    registry = Registry([point])
    (info,) = adapters(registry=registry)
    assert (info.id, info.version, info.problem) == ("acme_hostile", "1.2", None)
    (candidate,) = sniff(b"..\xaa\x55..", registry=registry)
    assert candidate.evidence is Evidence.MAGIC
    assert "pkg_acme_hostile" not in sys.modules


def test_a_broken_adapter_hides_no_other_and_says_what_is_wrong(tmp_path: Path) -> None:
    points = [
        install(tmp_path, "acme_good", extra=MAGIC),
        install(tmp_path, "acme_toml", manifest="spi = ["),
        install(tmp_path, "acme_key", extra="colour = 'red'"),
        install(tmp_path, "acme_name", manifest="spi = 1\nid = 'other'\n"),
        install(tmp_path, "acme_write", extra="").__class__(name="acme_gone", value="nowhere:adapter.toml", group="g"),
    ]
    listed = {info.id: info.problem for info in adapters(registry=Registry(points))}
    assert listed.pop("acme_good") is None
    assert set(listed) == {"acme_toml", "acme_key", "acme_name", "acme_gone"}
    assert all(problem and problem.startswith("ADP-00") for problem in listed.values())
    assert "colour" in str(listed["acme_key"])


def test_a_tie_is_an_error_whatever_the_order(tmp_path: Path) -> None:
    points = [install(tmp_path, f"acme_{letter}", extra=MAGIC) for letter in "abc"]
    for order in permutations(points):
        with pytest.raises(AmbiguousFormat) as caught:
            list(read(b"..\xaa\x55..", registry=Registry(list(order))))
        assert caught.value.candidates == ("acme_a", "acme_b", "acme_c")


def test_better_evidence_wins_over_a_name(tmp_path: Path) -> None:
    points = [
        install(tmp_path, "acme_magic", extra=MAGIC, reader=READER),
        install(tmp_path, "acme_named", extra='[sniff]\nname = ["*.dat"]\n', reader=READER),
        install(tmp_path, "acme_shape", extra="[[sniff.pattern]]\nregex = '\\.\\.'\n", reader=READER),
    ]
    found = sniff(b"..\xaa\x55..", name="X.DAT", registry=Registry(points))
    assert [(c.adapter, c.evidence.name) for c in found] == [
        ("acme_magic", "MAGIC"),
        ("acme_shape", "SHAPE"),
        ("acme_named", "NAME"),
    ]


def test_frames_are_verified_to_the_last(tmp_path: Path) -> None:
    rule = '[[sniff.frames]]\ntags = ["E200", "E700"]\nlength_offset = 2\nlength_size = 2\nheader = 4\n'
    registry = Registry([install(tmp_path, "acme_frames", extra=rule)])
    whole = b"\xe2\x00\x00\x02ab" + b"\xe7\x00\x00\x01c"
    assert sniff(whole, registry=registry)[0].evidence is Evidence.VERIFIED
    assert sniff(whole + b"\xe7\x00\x40\x00rest", registry=registry)
    assert sniff(whole + b"\x00", registry=registry) == []
    assert sniff(b"\xe2\x00\xff\xff", registry=registry) == []


def test_two_distributions_with_one_id_are_a_conflict(tmp_path: Path) -> None:
    first = install(tmp_path / "one", "acme_same", extra=MAGIC)
    second = first.__class__(name="acme_same", value="pkg_other:adapter.toml", group=first.group)
    (info,) = adapters(registry=Registry([first, second]))
    assert info.problem is not None
    assert "ADP-003" in info.problem


@pytest.mark.parametrize(
    ("reader", "error"),
    [
        (f"raise ValueError('{SECRET}')", AdapterUnavailable),
        ("import a_package_that_is_not_there", AdapterUnavailable),
        ("", AdapterContractError),
        (f"def make_reader(context): raise KeyError('{SECRET}')", AdapterContractError),
        ("def make_reader(context): return object()", AdapterContractError),
        (READER.replace("return []", UNDECODABLE), AdapterContractError),
        (READER.replace("return [Event", BAD_NUMBER), AdapterContractError),
    ],
)  # fmt: skip
def test_a_foreign_exception_never_passes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reader: str, error: type
) -> None:
    name = f"acme_r{abs(hash(reader)) % 10**8}"
    registry = Registry([install(tmp_path, name, extra=MAGIC, reader=reader)])
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(error) as caught:
        list(read(b"..\xaa\x55..", registry=registry))
    seen: BaseException | None = caught.value
    while seen is not None:
        assert SECRET not in str(seen)
        assert SECRET not in repr(seen.args)
        assert isinstance(seen, IomtError)
        seen = seen.__cause__ or seen.__context__


def test_a_plug_in_reads_without_any_change_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    registry = Registry([install(tmp_path, "acme_reads", extra=MAGIC, reader=READER)])
    monkeypatch.syspath_prepend(tmp_path)
    path = tmp_path / "x.bin"
    path.write_bytes(b"..\xaa\x55..")
    with path.open("rb") as stream:
        assert sniff(stream, registry=registry)[0].adapter == "acme_reads"
        assert list(read(stream, registry=registry)) == list(read(path, registry=registry))
    assert list(read(b"..\xaa\x55..", registry=registry)) == list(read(str(path), registry=registry))


def test_unknown_and_empty_sources() -> None:
    with pytest.raises(UnrecognisedFormat, match="SRC-001"):
        list(read(b""))
    with pytest.raises(UnrecognisedFormat, match="SRC-002"):
        list(read(SECRET.encode()))
    with pytest.raises(SourceUnavailable, match="SRC-004"):
        list(read("/nowhere/at/all"))
    with pytest.raises(AdapterNotFound):
        list(read(b"x", adapter="acme_nobody"))
