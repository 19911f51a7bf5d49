"""PostgreSQL that fails: lost connections, interrupts, crashes. All of a put is there or nothing, and it is told."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from support.postgres import cut, others
from support.records import AT, SPO2, make

from iomt_interop import model as m
from iomt_interop.errors import StoreUnavailable
from iomt_interop.privacy import find_leaks
from iomt_interop.vault import KeyFile, Vault


def observation(number: int, subject: str = "s") -> m.Record:
    """Return a numbered observation."""
    value = m.Quantity(mantissa=number, unit="%")
    base = make(m.Observation, code=SPO2, value=value, time=AT, status="final", subject=subject)
    return base.replace(id=m.record_id("numbered", number))


def test_a_connection_that_was_lost_between_two_calls_is_made_again(
    in_postgres: str, key: KeyFile, watcher: Any
) -> None:
    with Vault.open(in_postgres, keys=key, mode="write") as writer, Vault.open(in_postgres, keys=key) as reader:
        for number in range(3):
            cut(watcher)
            assert writer.put([observation(number)]).stored == 1
            assert len(list(reader.records(subject="s"))) == number + 1
        cut(watcher)
        reader.verify()


def test_a_connection_that_is_lost_at_any_statement_leaves_all_or_nothing(
    in_postgres: str, key: KeyFile, watcher: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sqlalchemy.engine.default import DefaultDialect

    real = DefaultDialect.do_execute
    left, seen = -1, list[str]()

    def execute(self: Any, cursor: Any, statement: str, *arguments: Any) -> None:
        nonlocal left
        left -= 1
        seen.append(statement.split(" ", 1)[0])
        if left == 0:
            cut(watcher)
        real(self, cursor, statement, *arguments)

    monkeypatch.setattr(DefaultDialect, "do_execute", execute)
    with Vault.open(in_postgres, keys=key, mode="write") as vault:
        stored: set[str] = set()
        for point in range(1, 60):
            batch = [observation(10 * point + n, f"{point}-{n}") for n in range(3)]
            left = point
            seen.clear()
            try:
                vault.put(batch)
                done = True
            except StoreUnavailable:
                done = False
            finished, statements, left = left > 0, tuple(seen), -1
            here = {record.id for record in vault.records() if record.id in {r.id for r in batch}}
            assert len(here) == (3 if done else 0), statements
            stored |= here
            vault.verify()
            if finished:
                break
        assert finished
        assert statements[-1] == "COMMIT"
        assert point > 6
        assert {record.id for record in vault.records(kinds={"observation"})} >= stored
        assert vault.put([observation(5)]).stored == 1


def test_an_interrupt_at_any_statement_leaves_all_or_nothing(
    in_postgres: str, key: KeyFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before the statement is sent, and when it was sent and the answer not read."""
    from sqlalchemy.engine.default import DefaultDialect

    real = DefaultDialect.do_execute
    left, sent = -1, False

    def execute(self: Any, cursor: Any, statement: str, *arguments: Any) -> None:
        nonlocal left
        left -= 1
        if left == 0 and not sent:
            raise KeyboardInterrupt
        real(self, cursor, statement, *arguments)
        if left == 0:
            raise KeyboardInterrupt

    monkeypatch.setattr(DefaultDialect, "do_execute", execute)
    with Vault.open(in_postgres, keys=key, mode="write") as vault:
        for sent in (False, True):
            for point in range(1, 60):
                batch, left = [observation(1000 * sent + 10 * point + n, f"{point}-{n}") for n in range(3)], point
                try:
                    vault.put(batch)
                except KeyboardInterrupt:
                    left = -1
                    here = {record.id for record in vault.records()} & {record.id for record in batch}
                    assert len(here) in {0, 3}
                    vault.verify()
                    continue
                break
            left = -1
            assert 6 < point < 60
            assert vault.put(batch).unchanged == 3
    with Vault.open(in_postgres, keys=key, mode="write") as vault:
        vault.verify()
        vault.put([observation(1)])


def test_a_commit_whose_answer_is_lost_is_told_and_can_be_repeated(
    in_postgres: str, key: KeyFile, watcher: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sqlalchemy.engine.default import DefaultDialect

    real = DefaultDialect.do_execute

    def execute(self: Any, cursor: Any, statement: str, *arguments: Any) -> None:
        real(self, cursor, statement, *arguments)
        if statement == "COMMIT":
            cut(watcher)
            real(self, cursor, "SELECT 1", *arguments)

    with Vault.open(in_postgres, keys=key, mode="write") as vault:
        monkeypatch.setattr(DefaultDialect, "do_execute", execute)
        with pytest.raises(StoreUnavailable, match="not known whether"):
            vault.put([observation(1)])
        monkeypatch.undo()
        assert vault.put([observation(1)]).unchanged == 1
        vault.verify()


def test_a_server_that_crashes_keeps_what_was_acknowledged(in_postgres: str, key: KeyFile, watcher: Any) -> None:
    """One of its processes is killed: it ends all others, and recovers from its log."""
    acknowledged: list[m.Record] = []
    with Vault.open(in_postgres, keys=key, mode="write") as vault:
        crash = threading.Timer(0.3, lambda: os.kill(others(watcher)[0], signal.SIGKILL))
        try:
            for number in range(100_000):
                vault.put([observation(number)])
                acknowledged.append(observation(number))
                if number == 0:
                    crash.start()
        except StoreUnavailable:
            pass
        crash.join()
        end = time.monotonic() + 60
        while True:
            try:
                found = list(vault.records(subject="s"))
                break
            except StoreUnavailable:
                assert time.monotonic() < end
                time.sleep(0.1)
        assert found[: len(acknowledged)] == acknowledged
        assert len(found) <= len(acknowledged) + 1
        vault.put([observation(-1)])
        vault.verify()


def test_who_cannot_be_reached_is_told_and_no_password_shows(key: KeyFile, tmp_path: Path) -> None:
    url = f"postgresql://nurse:s3cr3t-word@/ward?host={tmp_path}&connect_timeout=2"
    for use in (lambda: Vault.open(url, keys=key), lambda: Vault.create(url, keys=key)):
        with pytest.raises(StoreUnavailable, match="SEC-012") as caught:
            use()
        assert find_leaks(f"{caught.value!s}{caught.value!r}".encode(), ["s3cr3t-word", "nurse", str(tmp_path)]) == []
        assert caught.value.__suppress_context__
