"""Faults at every call that changes a file, and kills: what was acknowledged is there, the rest whole or absent.

``IOMT_FAULT_POINTS`` and ``IOMT_KILLS`` say how many are tried; ``python -m support.faults`` does it alone.
"""

from __future__ import annotations

import mmap
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from support.faults import DONE, MODES, SKIPPED, Work, compile_shim, run
from support.records import SECRET

from iomt_interop.vault import KeyFile

POINTS = int(os.environ.get("IOMT_FAULT_POINTS", "160"))
KILLS = int(os.environ.get("IOMT_KILLS", "50"))


@pytest.fixture
def shim(tmp_path: Path) -> Path:
    """Return what stands in front of the C library."""
    made = compile_shim(tmp_path)
    if made is None:
        pytest.skip("there is no C compiler for Linux here")
    return made


@pytest.fixture
def work(tmp_path: Path) -> Work:
    """Return work of which nothing is done yet."""
    for name in ("a.key", "b.key"):
        KeyFile.create(tmp_path / name)
    return Work(tmp_path, 1, mmap.mmap(-1, 4096))


def test_a_fault_at_any_call_loses_nothing(shim: Path) -> None:
    found: dict[str, Any] = run(shim, points=POINTS, kills=0)
    assert found["failures"] == []
    assert found["points"] >= 0.9 * POINTS
    # Every way of failing was met, and those that end the process ended it.
    assert {name.partition(":")[0] for name in found["seen"]} == set(MODES[1:])
    assert all(f"{mode}: died" in found["seen"] for mode in ("before", "after", "torn"))


def test_a_kill_at_any_time_loses_nothing(shim: Path) -> None:
    found: dict[str, Any] = run(shim, points=0, kills=KILLS)
    assert found["failures"] == []
    assert found["seen"]["killed: at work"] > KILLS // 5


def test_the_work_is_done_without_a_fault(work: Work) -> None:
    work.work()
    assert set(work.notes[: len(work.plan)]) <= {DONE, SKIPPED}
    assert list(work.notes[: len(work.plan)]).count(DONE) > len(work.plan) - 3
    assert list(work.check()) == []


def test_the_check_finds_what_is_lost(work: Work) -> None:
    """It is the witness of the tests above, so it is tried itself: an older state, a lie, a file that tells all."""
    step = max(work.puts)

    plain = Work._step

    def keep(self: Work, vault: object, number: int, what: str) -> None:
        if number == step:
            shutil.copy(self.path, self.folder / "older")
            (self.folder / "older-wal").write_bytes(Path(f"{self.path}-wal").read_bytes())
        plain(self, vault, number, what)  # type: ignore[arg-type]

    work._step = keep.__get__(work)  # type: ignore[method-assign]
    work.work()
    assert list(work.check()) == []
    (work.folder / "copy.txt").write_text(SECRET)
    assert any("copy.txt holds plaintext" in problem for problem in work.check())
    for end in ("", "-wal"):
        shutil.move(work.folder / f"older{end}", f"{work.path}{end}")
    Path(f"{work.path}-shm").unlink(missing_ok=True)
    assert any("acknowledged and lost" in problem for problem in work.check())
    work.path.unlink()
    Path(f"{work.path}-wal").unlink(missing_ok=True)
    assert list(work.check()) == ["the vault is not there"]
