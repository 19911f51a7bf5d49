"""A folder as a source: told by its files, read file by file."""

from __future__ import annotations

from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
from support.plugin import install

from iomt_interop.errors import AdapterContractError, InvalidRequest, UnrecognisedFormat
from iomt_interop.facade import read, sniff
from iomt_interop.plugins import GROUP, Evidence, ReadContext, Registry
from iomt_interop.plugins.contract import Limits

EXAMPLE = Registry([EntryPoint("example", "iomt_interop.adapters.example:adapter.toml", GROUP)])
MANIFEST = """
spi = 1
id = "{id}"
title = "A recorder that leaves a folder"
medium = "directory"
directions = ["read"]
records = ["event"]
clock = "utc"
status = "alpha"
reader = "pkg_{id}.reader:make_reader"
[[sniff.member]]
name = "session.hdr"
bytes = "41434D45"
[[sniff.member]]
name = "data/*.dat"
"""
READER = """
from iomt_interop.model import Event, Concept, Provenance, record_id
class Reader:
    def __init__(self): self.name, self.data = None, b""
    def member(self, name):
        found = self.finish()
        self.name, self.data = name, b""
        return found
    def feed(self, chunk):
        self.data += bytes(chunk)
        return []
    def finish(self):
        if self.name is None:
            return []
        origin = Provenance(adapter="t", version="1", path=self.name, span=(0, len(self.data)))
        return [Event(id=record_id(self.name, self.data), provenance=origin, code=Concept(text=self.name))]
def make_reader(context):
    return Reader()
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    home = tmp_path / "recording"
    (home / "data").mkdir(parents=True)
    (home / "session.hdr").write_bytes(b"ACME 1")
    for number in (10, 9):
        (home / "data" / f"{number}.dat").write_bytes(bytes([number]) * number)
    (home / ".hidden").write_bytes(b"x")
    (tmp_path / "outside.dat").write_bytes(b"not of the folder")
    (home / "data" / "link.dat").symlink_to(tmp_path / "outside.dat")
    return home


def registry(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch, reader: str = READER) -> Registry:
    monkeypatch.syspath_prepend(tmp_path)
    return Registry([install(tmp_path, name, manifest=MANIFEST.format(id=name), reader=reader)])


def test_a_folder_is_told_by_its_files(tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known = registry(tmp_path, "acme_folder", monkeypatch)
    (candidate,) = sniff(folder, registry=known)
    assert (candidate.adapter, candidate.evidence) == ("acme_folder", Evidence.MAGIC)
    # A single file of it is nothing that this adapter reads.
    assert sniff(folder / "session.hdr", registry=known) == []
    (folder / "session.hdr").write_bytes(b"OTHER 1")
    assert sniff(folder, registry=known) == []
    with pytest.raises(UnrecognisedFormat):
        list(read(folder, registry=known))


def test_its_files_are_read_by_name(tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    known = registry(tmp_path, "acme_members", monkeypatch)
    records = list(read(folder, registry=known, progress=seen.append))
    # In the order of their paths; the hidden file and the link that leads out of the folder are passed over.
    assert [(r.provenance.path, r.provenance.span) for r in records] == [
        ("data/10.dat", (0, 10)),
        ("data/9.dat", (0, 9)),
        ("session.hdr", (0, 6)),
    ]
    assert sum(seen) == 25
    with pytest.raises(Exception, match="SRC-005"):
        list(read(folder, registry=known, context=ReadContext(limits=Limits(max_bytes=15))))


def test_a_folder_needs_its_own_kind_of_adapter(tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known = registry(tmp_path, "acme_kinds", monkeypatch)
    with pytest.raises(InvalidRequest, match="reads a folder"):
        list(read(b"ACME 1", adapter="acme_kinds", registry=known))
    with pytest.raises(AdapterContractError, match="not a DirectoryReader"):
        list(read(folder, adapter="example", registry=EXAMPLE))
    broken = registry(tmp_path / "two", "acme_no_member", monkeypatch, READER.replace("def member", "def other"))
    with pytest.raises(AdapterContractError, match="not a DirectoryReader"):
        list(read(folder, registry=broken))
