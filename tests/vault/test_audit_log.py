"""The audit log on a disk: durable before the call returns, and nothing of it can be changed unseen."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iomt_interop.crypto import SecretKey
from iomt_interop.crypto.signing import SigningKey
from iomt_interop.errors import AuditUnavailable, InvalidRequest, SecurityError, StoreDamaged, VaultLocked
from iomt_interop.privacy.audit import AuditRecord, AuditSink
from iomt_interop.privacy.audit.checkpoint import Checkpoint
from iomt_interop.privacy.audit.merkle import verify_consistency, verify_inclusion
from iomt_interop.vault import audit_log
from iomt_interop.vault.audit_log import AuditLog

KEY = SigningKey("hospital.example/audit", SecretKey(bytes(range(32))))


def event(number: int) -> AuditRecord:
    return AuditRecord(
        time=f"2026-11-24T10:00:{number % 60:02}Z",
        operation="read",
        outcome="success",
        actor=f"user-{number}",
        subjects=(f"{number:032x}",),
        records=number,
    )


def write(path: Path, count: int, first: int = 0) -> str:
    with AuditLog(path, KEY) as log:
        for number in range(first, first + count):
            log.record(event(number))
        return log.checkpoint()


def detected(path: Path, note: str) -> bool:
    """Tell whether an auditor with the public key and a checkpoint sees that a log is not whole."""
    try:
        state = AuditLog.verify(path, KEY.verify_key, at=note)
    except SecurityError:
        return True
    return state.torn > 0


@pytest.mark.parametrize("change", ["cut off", "taken away", "an older copy", "another log"])
def test_a_log_that_is_changed_beside_its_writer_takes_nothing_more(tmp_path: Path, change: str) -> None:
    """The writer's next signature would stand under a past that was not so."""
    path, other = tmp_path / "audit.log", tmp_path / "other.log"
    write(path, 2)
    older = path.read_bytes()
    write(path, 2, first=2)
    write(other, 1, first=8)
    with AuditLog(path, KEY, shared=True) as log:
        log.record(event(4))
        if change == "cut off":
            os.truncate(path, len(older))
        elif change == "taken away":
            path.unlink()
        elif change == "an older copy":
            path.unlink()
            path.write_bytes(older)
        else:
            other.replace(path)
        with pytest.raises(AuditUnavailable) as caught:
            log.record(event(5))
        assert caught.value.code == "AUD-001"
    if change == "taken away":
        assert not path.exists()
    else:
        assert event(5) not in list(AuditLog.events(path))


def test_what_was_recorded_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "audit.log"
    note = write(path, 5)
    write(path, 3, first=5)
    assert list(AuditLog.events(path)) == [event(number) for number in range(8)]
    state = AuditLog.verify(path, KEY.verify_key, at=note)
    assert (state.events, state.torn, state.key) == (8, 0, KEY.verify_key)
    assert AuditLog.verify(path).root == state.root
    assert state.note == write(path, 0)
    assert path.stat().st_mode & 0o777 == 0o600
    log = AuditLog(path, KEY)
    assert isinstance(log, AuditSink)
    assert len(log) == 8
    assert repr(log) == "AuditLog(8 events)"
    log.close()
    with pytest.raises(AuditUnavailable):
        log.record(event(1))


def test_the_same_events_give_the_same_file(tmp_path: Path) -> None:
    write(tmp_path / "one", 4)
    write(tmp_path / "two", 2)
    write(tmp_path / "two", 2, first=2)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_every_flipped_bit_is_detected(tmp_path: Path) -> None:
    path = tmp_path / "audit.log"
    note = write(path, 2)
    whole = path.read_bytes()
    for position in range(len(whole)):
        for bit in range(8):
            changed = bytearray(whole)
            changed[position] ^= 1 << bit
            path.write_bytes(changed)
            with pytest.raises(SecurityError):
                AuditLog.verify(path, KEY.verify_key)
            with pytest.raises(SecurityError):
                AuditLog(path, KEY)
    path.write_bytes(whole)
    assert not detected(path, note)


def entries(path: Path) -> tuple[bytes, list[bytes]]:
    header, *lines = path.read_bytes().splitlines(keepends=True)
    return header, [b"".join(lines[at : at + 2]) for at in range(0, len(lines), 2)]


@given(data=st.data())
@settings(max_examples=200)
def test_every_mutation_is_detected(data: st.DataObject, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("log") / "audit.log"
    count = data.draw(st.integers(1, 6))
    note = write(path, count)
    whole = path.read_bytes()
    header, frames = entries(path)
    kind = data.draw(st.sampled_from(("cut", "delete", "insert", "drop", "swap", "repeat", "byte", "append")))
    start = data.draw(st.integers(0, len(whole) - 1))
    index, other = data.draw(st.integers(0, count - 1)), data.draw(st.integers(0, count - 1))
    if kind == "cut":
        changed = whole[:start]
    elif kind == "delete":
        changed = whole[:start] + whole[start + data.draw(st.integers(1, 40)) :]
    elif kind == "insert":
        changed = whole[:start] + data.draw(st.binary(min_size=1, max_size=20)) + whole[start:]
    elif kind == "byte":
        changed = whole[:start] + bytes([data.draw(st.integers(0, 255))]) + whole[start + 1 :]
    elif kind == "append":
        changed = whole + data.draw(st.binary(min_size=1, max_size=200) | st.just(frames[index]))
    else:
        if kind == "drop":
            del frames[index]
        elif kind == "swap":
            frames[index], frames[other] = frames[other], frames[index]
        else:
            frames.insert(other, frames[index])
        changed = header + b"".join(frames)
    path.write_bytes(changed)
    assert detected(path, note) == (changed != whole)


def test_a_log_made_anew_is_detected(tmp_path: Path) -> None:
    """A fork: the same key, the same number of events, another of them."""
    note = write(tmp_path / "shown", 4)
    with AuditLog(tmp_path / "hidden", KEY) as log:
        for number in (0, 1, 7, 3):
            log.record(event(number))
    assert not detected(tmp_path / "shown", note)
    assert detected(tmp_path / "hidden", note)
    stranger = SigningKey.generate(KEY.name)
    with AuditLog(tmp_path / "foreign", stranger) as log:
        log.record(event(0))
    AuditLog.verify(tmp_path / "foreign")
    with pytest.raises(StoreDamaged):
        AuditLog.verify(tmp_path / "foreign", KEY.verify_key)
    with pytest.raises(StoreDamaged):
        AuditLog(tmp_path / "foreign", KEY)


def test_a_rolled_back_log_is_seen_only_with_a_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "audit.log"
    write(path, 3)
    older = path.read_bytes()
    note = write(path, 2, first=3)
    path.write_bytes(older)
    assert AuditLog.verify(path, KEY.verify_key).events == 3
    with pytest.raises(StoreDamaged) as caught:
        AuditLog.verify(path, KEY.verify_key, at=note)
    assert caught.value.code == "AUD-003"


def test_proofs_of_the_log(tmp_path: Path) -> None:
    path = tmp_path / "audit.log"
    keys = [KEY.verify_key]
    first = Checkpoint.open(write(path, 5), keys)
    second = Checkpoint.open(write(path, 6, first=5), keys)
    tree = AuditLog.tree(path)
    assert tree.root() == second.root
    assert verify_consistency(first.size, second.size, first.root, second.root, tree.consistency(first.size))
    for index in range(11):
        assert verify_inclusion(index, second.size, tree.leaf(index), tree.inclusion(index), second.root)


def test_what_a_crash_cut_off_is_removed_and_nothing_before_it(tmp_path: Path) -> None:
    path = tmp_path / "audit.log"
    write(path, 3)
    whole = path.read_bytes()
    header, frames = entries(path)
    kept = len(header) + sum(map(len, frames[:2]))
    for end in range(kept, len(whole)):
        path.write_bytes(whole[:end])
        state = AuditLog.verify(path, KEY.verify_key)
        assert (state.events, state.torn) == (2, end - kept)
        with AuditLog(path, KEY) as log:
            log.record(event(2))
        assert path.read_bytes() == whole
    for end in range(1, len(header)):
        path.write_bytes(whole[:end])
        AuditLog(path, KEY).close()
        assert path.read_bytes() == header


def test_one_writer(tmp_path: Path) -> None:
    with AuditLog(tmp_path / "audit.log", KEY) as log:
        with pytest.raises(VaultLocked):
            AuditLog(tmp_path / "audit.log", KEY)
        log.record(event(1))
    AuditLog(tmp_path / "audit.log", KEY).close()


def test_threads_take_turns(tmp_path: Path) -> None:
    with AuditLog(tmp_path / "audit.log", KEY) as log, ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: log.record(event(number)), range(200)))
    assert AuditLog.verify(tmp_path / "audit.log", KEY.verify_key).events == 200
    assert {found.records for found in AuditLog.events(tmp_path / "audit.log")} == set(range(200))


def test_a_forked_child_may_not_write(tmp_path: Path) -> None:
    script = (
        "import os, sys\n"
        "from iomt_interop.crypto.signing import SigningKey\n"
        "from iomt_interop.errors import AuditUnavailable\n"
        "from iomt_interop.privacy.audit import AuditRecord\n"
        "from iomt_interop.vault.audit_log import AuditLog\n"
        "log = AuditLog(sys.argv[1], SigningKey.generate('a.example'))\n"
        "event = AuditRecord(time='2026-11-24T10:00:00Z', operation='read', outcome='success', actor='u')\n"
        "child = os.fork()\n"
        "if not child:\n"
        "    try:\n"
        "        log.record(event)\n"
        "    except AuditUnavailable:\n"
        "        os._exit(7)\n"
        "    os._exit(0)\n"
        "assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7\n"
        "log.record(event)\n"
    )
    subprocess.run([sys.executable, "-c", script, str(tmp_path / "audit.log")], check=True)
    assert AuditLog.verify(tmp_path / "audit.log").events == 1


@pytest.mark.parametrize("call", ["write", "fsync"])
def test_a_failing_disk_fails_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    log = AuditLog(tmp_path / "audit.log", KEY)
    log.record(event(0))

    def fail(*_: object) -> int:
        raise OSError(28, "full")

    with monkeypatch.context() as patch:
        patch.setattr(audit_log.os, call, fail)
        with pytest.raises(AuditUnavailable) as caught:
            log.record(event(1))
    assert caught.value.code == "AUD-001"
    assert caught.value.__cause__ is None
    with pytest.raises(AuditUnavailable):
        log.record(event(1))
    with AuditLog(tmp_path / "audit.log", KEY) as again:
        again.record(event(2))
    AuditLog.verify(tmp_path / "audit.log", KEY.verify_key)


def test_a_killed_writer_loses_nothing_that_it_acknowledged(tmp_path: Path) -> None:
    path = tmp_path / "audit.log"
    KEY.save(tmp_path / "key")
    script = (
        "import sys\n"
        "from iomt_interop.crypto.signing import SigningKey\n"
        "from iomt_interop.privacy.audit import AuditRecord\n"
        "from iomt_interop.vault.audit_log import AuditLog\n"
        "log = AuditLog(sys.argv[1], SigningKey.load(sys.argv[2]))\n"
        "for number in range(10**9):\n"
        "    log.record(AuditRecord(time='2026-11-24T10:00:00Z', operation='read', outcome='success', actor='u',"
        " records=number))\n"
        "    print(number, flush=True)\n"
    )
    acknowledged = -1
    for _ in range(4):
        command = [sys.executable, "-c", script, str(path), str(tmp_path / "key")]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            for _ in range(40):
                process.stdout.readline()
            process.kill()
            told = 40 + len(process.stdout.read().split("\n")) - 1
        acknowledged += told
        state = AuditLog.verify(path, KEY.verify_key)
        assert state.events >= acknowledged + 1
        acknowledged = state.events - 1
    assert [record.records for record in AuditLog.events(path)][:40] == list(range(40))


@pytest.mark.parametrize(
    "data", [b"", b"x", b"iomt-audit 1 \n", b"iomt-audit 1 a+b+c\n", b"iomt-audit 2 x\n", b"\xff" * 600]
)
def test_what_is_no_log_is_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "log").write_bytes(data)
    with pytest.raises(StoreDamaged):
        AuditLog.verify(tmp_path / "log")


def test_what_cannot_be_opened(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest):
        AuditLog(tmp_path / "none" / "log", KEY)
    with pytest.raises(InvalidRequest):
        AuditLog.verify(tmp_path / "none")
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(InvalidRequest):
        list(AuditLog.events(tmp_path / "none"))
    assert len(os.listdir("/proc/self/fd")) == before
