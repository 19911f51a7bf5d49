"""An audit log in several parts is one log; several processes write one log."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from iomt_interop.errors import AuditUnavailable, InvalidRequest, SecurityError, StoreDamaged, VaultLocked
from iomt_interop.privacy.audit.checkpoint import Checkpoint
from iomt_interop.privacy.audit.merkle import CompactRange, verify_consistency, verify_inclusion
from iomt_interop.vault import audit_log
from iomt_interop.vault.audit_entries import part_of
from iomt_interop.vault.audit_log import AuditLog

from .test_audit_log import KEY, event


def in_parts(path: Path, *sizes: int) -> list[str]:
    """Write a log of parts; return the checkpoint at the end of each."""
    notes, number = [], 0
    with AuditLog(path, KEY) as log:
        for index, size in enumerate(sizes):
            if index:
                log.rotate()
            for _ in range(size):
                log.record(event(number))
                number += 1
            notes.append(log.checkpoint())
    return notes


def test_parts_are_one_log(tmp_path: Path) -> None:
    path = tmp_path / "audit.log"
    notes = in_parts(path, 3, 5, 2)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["audit.log", "audit.log.000001", "audit.log.000002"]
    assert list(AuditLog.events(path)) == [event(number) for number in range(10)]
    state = AuditLog.verify(path, KEY.verify_key)
    assert (state.events, state.parts, state.absent, state.note) == (10, 3, 0, notes[-1])
    # The tree is one tree over all entries, whatever file they stand in: checked by the iterative proofs of RFC 9162.
    tree, points = AuditLog.tree(path), [Checkpoint.open(note, [KEY.verify_key]) for note in notes]
    for old in points:
        AuditLog.verify(path, KEY.verify_key, at=old.sign(KEY))
        proof = tree.consistency(old.size)
        assert verify_consistency(old.size, 10, old.root, points[-1].root, proof)
    for index in range(10):
        assert verify_inclusion(index, 10, tree.leaf(index), tree.inclusion(index), state.root)
    with AuditLog(path, KEY) as log:
        assert len(log) == 10
        log.record(event(10))
    assert AuditLog.verify(path, at=notes[0]).events == 11


def test_a_part_without_events_is_not_closed(tmp_path: Path) -> None:
    with AuditLog(tmp_path / "audit.log", KEY) as log:
        with pytest.raises(InvalidRequest):
            log.rotate()
        log.record(event(0))
        closed = log.rotate()
        with pytest.raises(InvalidRequest):
            log.rotate()
    assert closed == tmp_path / "audit.log.000001"


def test_every_flipped_bit_of_a_later_part_is_detected(tmp_path: Path) -> None:
    path = tmp_path / "audit.log"
    in_parts(path, 3, 1)
    for file, step in ((path, 1), (part_of(path, 1), 7)):
        whole = file.read_bytes()
        for position in range(0, len(whole), step):
            changed = bytearray(whole)
            changed[position] ^= 1 << position % 8
            file.write_bytes(changed)
            with pytest.raises(SecurityError):
                AuditLog.verify(path, KEY.verify_key)
        file.write_bytes(whole)
    AuditLog.verify(path, KEY.verify_key)


def test_a_missing_swapped_or_foreign_part_is_detected(tmp_path: Path) -> None:
    path = tmp_path / "audit.log"
    in_parts(path, 2, 2, 2)
    first, second = part_of(path, 1), part_of(path, 2)
    other = tmp_path / "other" / "audit.log"
    other.parent.mkdir()
    in_parts(other, 1, 3, 2)
    for change in (
        first.unlink,
        second.unlink,
        lambda: shutil.copy(first, second),
        lambda: shutil.copy(part_of(other, 2), second),
        lambda: shutil.copy(part_of(other, 1), first),
        lambda: os.truncate(first, first.stat().st_size - 3),
    ):
        kept = {p: p.read_bytes() for p in (first, second)}
        change()
        with pytest.raises(StoreDamaged):
            AuditLog.verify(path, KEY.verify_key)
        for file, content in kept.items():
            file.write_bytes(content)
    AuditLog.verify(path, KEY.verify_key)
    path.unlink()
    with pytest.raises(StoreDamaged):
        AuditLog(path, KEY)


def test_the_oldest_parts_may_be_in_an_archive(tmp_path: Path) -> None:
    path = tmp_path / "audit.log"
    notes = in_parts(path, 2, 2, 2)
    part_of(path, 1).unlink()
    state = AuditLog.verify(path, KEY.verify_key, archived=True, at=notes[0])
    assert (state.events, state.absent, state.parts) == (6, 2, 2)
    assert list(AuditLog.events(path, archived=True)) == [event(number) for number in range(2, 6)]
    part_of(path, 2).unlink()
    with pytest.raises(StoreDamaged):
        AuditLog.verify(path, KEY.verify_key, archived=True, at=notes[0])
    AuditLog.verify(path, KEY.verify_key, archived=True, at=notes[1])


@pytest.mark.parametrize("step", ["link", "replace", "fsync"])
def test_a_rotation_that_breaks_off_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    path = tmp_path / "audit.log"
    log = AuditLog(path, KEY)
    log.record(event(0))

    def fail(*_: object) -> None:
        raise OSError(28, "full")

    with monkeypatch.context() as patch:
        patch.setattr(audit_log.os, step, fail)
        with pytest.raises(AuditUnavailable):
            log.rotate()
    with pytest.raises(AuditUnavailable):
        log.record(event(1))
    with AuditLog(path, KEY) as again:
        again.record(event(1))
        again.rotate()
        again.record(event(2))
    assert list(AuditLog.events(path)) == [event(number) for number in range(3)]
    AuditLog.verify(path, KEY.verify_key)


def test_the_edge_of_a_tree_is_made_of_its_peaks() -> None:
    edge = CompactRange()
    for number in range(13):
        edge.append(bytes([number]) * 32)
        assert CompactRange.of(edge.size, edge.peaks).root() == edge.root()
    with pytest.raises(InvalidRequest):
        CompactRange.of(4, edge.peaks)


WRITER = """
import sys
from iomt_interop.crypto.signing import SigningKey
from iomt_interop.privacy.audit import AuditRecord
from iomt_interop.vault.audit_log import AuditLog
log = AuditLog(sys.argv[1], SigningKey.load(sys.argv[2]), shared=True)
for number in range(int(sys.argv[4])):
    log.record(AuditRecord(time='2026-11-24T10:00:00Z', operation='read', outcome='success', actor=sys.argv[3],
                           records=number))
    if number == 20 and sys.argv[3] == 'a':
        log.rotate()
"""


def test_processes_share_a_log_and_one_of_them_rotates_it(tmp_path: Path) -> None:
    path = tmp_path / "audit.log"
    KEY.save(tmp_path / "key")
    arguments = [sys.executable, "-c", WRITER, str(path), str(tmp_path / "key")]
    running = [subprocess.Popen([*arguments, name, "60"]) for name in ("a", "b")]
    with AuditLog(path, KEY, shared=True) as mine:
        for number in range(60):
            mine.record(event(number))
    assert [process.wait() for process in running] == [0, 0]
    state = AuditLog.verify(path, KEY.verify_key)
    assert (state.events, state.parts) == (180, 2)
    found = [record for record in AuditLog.events(path) if record.actor in {"a", "b"}]
    for name in ("a", "b"):
        assert [record.records for record in found if record.actor == name] == list(range(60))


def test_who_keeps_a_log_alone_keeps_others_out(tmp_path: Path) -> None:
    path = tmp_path / "audit.log"
    with AuditLog(path, KEY, shared=True, wait=0.05) as mine:
        mine.record(event(0))
        with AuditLog(path, KEY), pytest.raises(AuditUnavailable):
            mine.record(event(1))
    with AuditLog(path, KEY), pytest.raises(VaultLocked):
        AuditLog(path, KEY, shared=True, wait=0.05)
    AuditLog.verify(path, KEY.verify_key)


def test_several_events_of_one_operation_are_taken_together(tmp_path: Path) -> None:
    with AuditLog(tmp_path / "one", KEY) as log:
        log.record_all([event(number) for number in range(5)])
    with AuditLog(tmp_path / "two", KEY) as log:
        for number in range(5):
            log.record(event(number))
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
