"""PostgreSQL as the place of vaults: schemas, roles, locks, what the server promises; nothing in clear on its disk."""

from __future__ import annotations

import os
import threading
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from support.places import Schemas, schema_of
from support.postgres import Server
from support.records import AT, SECRET, SPO2, every_kind, make

from iomt_interop import model as m
from iomt_interop.errors import (
    InvalidRequest,
    IomtError,
    SecurityError,
    StoreDamaged,
    VaultLocked,
)
from iomt_interop.privacy import find_leaks
from iomt_interop.vault import Block, KeyFile, Vault


def observation(number: int, subject: str = "s") -> m.Record:
    """Return a numbered observation."""
    value = m.Quantity(mantissa=number, unit="%")
    base = make(m.Observation, code=SPO2, value=value, time=AT, status="final", subject=subject)
    return base.replace(id=m.record_id("numbered", number))


# Schemas.


def test_several_vaults_stand_in_one_database(schemas: Schemas, key: KeyFile) -> None:
    urls = [schemas.new("one"), schemas.new("two")]
    for number, url in enumerate(urls):
        with Vault.create(url, keys=key) as vault:
            vault.put([observation(number)])
    for number, url in enumerate(urls):
        with Vault.open(url, keys=key) as vault:
            assert list(vault.records()) == [observation(number)]


def test_a_vault_is_made_where_nothing_is(schemas: Schemas, key: KeyFile, watcher: Any) -> None:
    url = schemas.new("prepared")
    with pytest.raises(InvalidRequest, match="USE-002"):
        Vault.open(url, keys=key)
    watcher.execute(f"CREATE SCHEMA {schema_of(url)}")  # as an administrator prepares it
    with pytest.raises(SecurityError, match="SEC-007"):
        Vault.open(url, keys=key)
    Vault.create(url, keys=key).close()
    for taken in (url, schemas.new("strange")):
        if taken != url:
            watcher.execute(f"CREATE SCHEMA {schema_of(taken)} CREATE TABLE ward (name text)")
            with pytest.raises(SecurityError, match="SEC-007"):
                Vault.open(taken, keys=key)
        with pytest.raises(InvalidRequest, match="USE-002"):
            Vault.create(taken, keys=key)


def test_two_who_make_the_same_vault_make_one(schemas: Schemas, key: KeyFile) -> None:
    url, made = schemas.new("race"), list[str]()

    def create() -> None:
        try:
            Vault.create(url, keys=key).close()
            made.append("made")
        except IomtError as error:
            made.append(error.code)

    threads = [threading.Thread(target=create) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(made) == ["USE-002"] * 3 + ["made"]
    with Vault.open(url, keys=key) as vault:
        vault.verify()


SHAPES = {
    "a view in a table's place": "ALTER TABLE holds RENAME TO kept; CREATE VIEW holds AS SELECT * FROM kept",
    "a table more": "CREATE TABLE more (number int)",
    "a table less": "DROP TABLE holds",
    "a column more": "ALTER TABLE blocks ADD COLUMN more int",
    "another type": "ALTER TABLE blocks ALTER COLUMN seq TYPE numeric",
    "a column that may be missing": "ALTER TABLE blocks ALTER COLUMN salt DROP NOT NULL",
    "a default": "ALTER TABLE blocks ALTER COLUMN salt SET DEFAULT ''",
    "no key": "ALTER TABLE records DROP CONSTRAINT records_pkey",
    "a check more": "ALTER TABLE records ADD CHECK (seq > 0)",
    "an index that computes": "CREATE INDEX ON records (length(content))",
    "a trigger": "CREATE TRIGGER t BEFORE UPDATE ON records FOR EACH ROW EXECUTE FUNCTION "
    "suppress_redundant_updates_trigger()",
    "a rule": "CREATE RULE r AS ON DELETE TO subjects DO INSTEAD NOTHING",
    "a policy that hides": "ALTER TABLE subjects ENABLE ROW LEVEL SECURITY",
    "a child whose rows show": "CREATE TABLE pg_temp.child () INHERITS (erasures)",
    "a table without a log": "ALTER TABLE holds SET UNLOGGED",
}


@pytest.mark.parametrize("name", sorted(SHAPES))
def test_a_schema_of_another_shape_is_not_opened(in_postgres: str, running: Server, key: KeyFile, name: str) -> None:
    with running.connect(schema_of(in_postgres)) as connection:
        for statement in SHAPES[name].split(";"):
            connection.execute(statement)  # type: ignore[call-overload]
        for mode in ("read", "write"):
            with pytest.raises(StoreDamaged, match="SEC-004"):
                Vault.open(in_postgres, keys=key, mode=mode)  # type: ignore[arg-type]


def test_another_table_of_named_values_is_no_vault(in_postgres: str, running: Server, key: KeyFile) -> None:
    with running.connect(schema_of(in_postgres)) as connection:
        connection.execute("ALTER TABLE meta RENAME COLUMN value TO worth")
    with pytest.raises(SecurityError, match="SEC-007"):
        Vault.open(in_postgres, keys=key)


CHANGES = {
    "another type of values": "ALTER TABLE meta ALTER value TYPE text USING encode(value, 'hex')",
    "another type of headers": "ALTER TABLE blocks ALTER header TYPE text USING encode(header, 'hex')",
    "no ciphertext": "ALTER TABLE blocks ALTER ciphertext DROP NOT NULL; UPDATE blocks SET ciphertext = NULL",
    "another number": "ALTER TABLE records ALTER seq TYPE numeric",
    "a text for a number": "ALTER TABLE records ALTER seq TYPE text",
    "a generation that is not whole": "ALTER TABLE subjects ALTER generation TYPE float8",
    "many keys for one": "ALTER TABLE subjects ALTER wrapped TYPE bytea[] USING ARRAY[wrapped]",
    "a table less": "DROP TABLE records",
    "a column less": "ALTER TABLE blocks DROP COLUMN salt",
    "a text for a digest": "ALTER TABLE identifiers ALTER record TYPE text USING 'a'",
}


@pytest.mark.parametrize("name", sorted(CHANGES))
def test_tables_that_are_changed_under_an_open_vault_give_an_error_or_the_truth(
    in_postgres: str, running: Server, key: KeyFile, name: str
) -> None:
    who, caught = next(record.id for record in every_kind() if record.kind == "subject"), 0
    with Vault.open(in_postgres, keys=key, mode="write") as vault:
        with running.connect(schema_of(in_postgres)) as connection:
            for statement in CHANGES[name].split(";"):
                connection.execute(statement)  # type: ignore[call-overload]
        for use, right in (
            (lambda: sorted(record.id for record in vault.records()), sorted(record.id for record in every_kind())),
            (vault.verify, None),
            (lambda: vault.find(SECRET), [who]),
            (lambda: vault.history(who)[0].id, who),
            (lambda: vault.put(every_kind()).unchanged, len(every_kind())),
            (lambda: vault.rotate(key) > 0, True),
        ):
            try:
                assert use() == right  # type: ignore[no-untyped-call]
            except SecurityError:
                caught += 1
    assert caught


# Roles.


@pytest.fixture
def role(running: Server, watcher: Any) -> Iterator[str]:
    """Return a role that has no rights."""
    name = f"nurse_{time.monotonic_ns()}"
    watcher.execute(f"CREATE ROLE {name} LOGIN")
    yield name
    watcher.execute(f"DROP OWNED BY {name}")
    watcher.execute(f"DROP ROLE {name}")


def test_who_may_only_select_reads_all_and_writes_nothing(
    in_postgres: str, running: Server, watcher: Any, key: KeyFile, role: str
) -> None:
    schema = schema_of(in_postgres)
    url = running.url(schema, role)
    with pytest.raises(InvalidRequest, match="USE-002"):
        Vault.open(url, keys=key)
    watcher.execute(f"GRANT USAGE ON SCHEMA {schema} TO {role}")
    with pytest.raises(InvalidRequest, match="may not read"):
        Vault.open(url, keys=key)
    watcher.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO {role}")
    with Vault.open(url, keys=key) as vault:
        vault.verify()
        assert len(list(vault.records())) == len(every_kind()) == vault.info()["records"]
        with pytest.raises(InvalidRequest, match="mode='write'"):
            vault.put([observation(1)])
        with pytest.raises(InvalidRequest, match="mode='write'"):
            vault.compact()
    with Vault.open(url, keys=key, mode="write") as vault:
        with pytest.raises(StoreDamaged, match="SEC-006"):
            vault.put([observation(1)])
        assert len(list(vault.records())) == len(every_kind())
        vault.verify()
    with pytest.raises(StoreDamaged, match="SEC-006"):
        Vault.create(running.url(f"{schema}_more", role), keys=key)


def test_who_writes_need_not_own_the_tables_but_cannot_compact(
    in_postgres: str, running: Server, watcher: Any, key: KeyFile, role: str
) -> None:
    schema = schema_of(in_postgres)
    watcher.execute(f"GRANT USAGE ON SCHEMA {schema} TO {role}")
    watcher.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema} TO {role}")
    with Vault.open(running.url(schema, role), keys=key, mode="write") as vault:
        assert vault.put([observation(1)]).stored == 1
        vault.erase("s", at="2026-11-24T08:00:00Z")
        with pytest.raises(StoreDamaged, match=r"SEC-006.*owner"):
            vault.compact()
        vault.verify()
    with Vault.open(in_postgres, keys=key, mode="write") as vault:
        vault.compact()
        vault.verify()


# Writers and readers at the same time.


def test_a_second_writer_waits_and_then_is_told(in_postgres: str, schemas: Schemas, key: KeyFile) -> None:
    first, second = (
        schemas.backend(in_postgres, readonly=False),
        schemas.backend(in_postgres, readonly=False, timeout=0.2),
    )
    with Vault(second, key) as vault:
        with first.writing():
            began = time.monotonic()
            with pytest.raises(VaultLocked, match="SEC-003"):
                vault.put([observation(50)])
            assert time.monotonic() - began >= 0.2
        with Vault.open(in_postgres, keys=key, mode="write") as other:
            other.put([observation(51)])
        assert vault.put([observation(50), observation(51)]).stored == 1
        vault.verify()
    first.close()


def test_writers_at_the_same_time_lose_nothing(in_postgres: str, key: KeyFile) -> None:
    """Each waits for the other's commit, and sees it."""
    failed: list[IomtError] = []

    def write(start: int) -> None:
        try:
            with Vault.open(in_postgres, keys=key, mode="write") as vault:
                for number in range(start, start + 20):
                    vault.put([observation(number)])
        except IomtError as error:
            failed.append(error)

    threads = [threading.Thread(target=write, args=(start,)) for start in (1000, 2000, 3000)]
    for thread in threads:
        thread.start()
    with Vault.open(in_postgres, keys=key) as reader:
        while any(thread.is_alive() for thread in threads):
            reader.verify()
    for thread in threads:
        thread.join()
    assert not failed
    with Vault.open(in_postgres, keys=key) as vault:
        expected = {observation(start + n).id for start in (1000, 2000, 3000) for n in range(20)}
        assert {record.id for record in vault.records(subject="s")} == expected
        vault.verify()


def test_a_view_stays_as_it_was(in_postgres: str, schemas: Schemas, key: KeyFile) -> None:
    reader = schemas.backend(in_postgres)
    with Vault.open(in_postgres, keys=key, mode="write") as writer:
        with reader.reading():
            before = list(reader.records())
            writer.put([observation(1)])
            with reader.reading():
                assert list(reader.records()) == before
            assert list(reader.records()) == before
        assert len(list(reader.records())) == len(before) + 1
    reader.close()


# What the server promises.


def test_a_commit_is_synced_whatever_the_session_says(in_postgres: str, schemas: Schemas) -> None:
    from sqlalchemy import text

    for setting, expected in (("off", "on"), ("local", "on"), ("on", "on"), ("remote_apply", "remote_apply")):
        url = in_postgres.replace("?", f"?options=-c%20synchronous_commit%3D{setting}&")
        backend: Any = schemas.backend(url, readonly=False)
        with backend.writing():
            assert backend._link.rows(text("SELECT current_setting('synchronous_commit')")) == [(expected,)]
        backend.close()


def test_a_server_that_does_not_sync_gets_nothing(in_postgres: str, key: KeyFile, watcher: Any) -> None:
    def setting(value: str) -> None:
        watcher.execute(f"ALTER SYSTEM SET fsync = {value}")
        watcher.execute("SELECT pg_reload_conf()")
        while watcher.execute("SHOW fsync").fetchone() != (value,):
            time.sleep(0.01)

    setting("off")
    try:
        with Vault.open(in_postgres, keys=key, mode="write") as vault:
            with pytest.raises(InvalidRequest, match="fsync"):
                vault.put([observation(1)])
            assert list(vault.records(subject="s")) == []
    finally:
        setting("on")


def test_nobodys_function_stands_in_for_the_systems(in_postgres: str, key: KeyFile, watcher: Any) -> None:
    """The search path of the session is the system's own schema, whatever the role or the URL sets."""
    watcher.execute("CREATE SCHEMA IF NOT EXISTS evil")
    watcher.execute("CREATE OR REPLACE FUNCTION evil.octet_length(bytea) RETURNS int LANGUAGE sql AS 'SELECT -1000000'")
    url = in_postgres.replace("?", "?options=-c%20search_path%3Devil,pg_catalog&")
    with Vault.open(url, keys=key, mode="write") as vault:
        vault.put([observation(1)])
        vault.erase("s", at="2026-11-24T08:00:00Z")
        assert vault.compact() > 0


# What a backend is to its users.


def test_a_backend_is_of_one_thread_and_is_closed_once(in_postgres: str, schemas: Schemas) -> None:
    backend, told = schemas.backend(in_postgres), list[str]()

    def use() -> None:
        try:
            backend.meta("store")
        except InvalidRequest as error:
            told.append(str(error.hint))

    thread = threading.Thread(target=use)
    thread.start()
    thread.join()
    assert told == ["it was opened in another thread"]
    assert backend.meta("store")
    backend.close()
    backend.close()
    with pytest.raises(InvalidRequest, match="closed"):
        backend.meta("store")


def test_changes_are_made_in_a_transaction_alone(in_postgres: str, schemas: Schemas) -> None:
    backend = schemas.backend(in_postgres, readonly=False)
    before = backend.meta("root")
    for change in (
        lambda: backend.set_meta("root", b""),
        lambda: backend.clear_blocks([1]),
        lambda: backend.erase(b"", [], [1]),
        lambda: backend.set_records([(b"a", b"b", 1, 1)]),
    ):
        with pytest.raises(InvalidRequest, match="USE-002"):
            change()
        with backend.reading(), pytest.raises(InvalidRequest, match="USE-002"):
            change()
    with backend.reading(), pytest.raises(InvalidRequest, match="USE-002"), backend.writing():
        pass
    assert backend.meta("root") == before
    backend.close()


def test_a_failed_statement_that_was_passed_over_commits_nothing(in_postgres: str, schemas: Schemas) -> None:
    backend = schemas.backend(in_postgres, readonly=False)
    before = backend.meta("root")
    row = next(iter(backend.subjects()))

    def change() -> None:
        with backend.writing():
            backend.set_meta("root", b"other")
            with pytest.raises(StoreDamaged, match="SEC-004"):
                backend.add_subject(row)

    with pytest.raises(StoreDamaged, match="SEC-006"):
        change()
    assert backend.meta("root") == before
    backend.close()


# Reading ahead.


def test_blocks_that_are_read_in_order_come_together(
    schemas: Schemas, key: KeyFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sqlalchemy.engine.default import DefaultDialect

    real, asked = DefaultDialect.do_execute, list[str]()

    def execute(self: Any, cursor: Any, statement: str, *arguments: Any) -> None:
        asked.append(statement)
        real(self, cursor, statement, *arguments)

    many = [observation(number) for number in range(200)]
    with Vault.create(schemas.new("order"), keys=key) as vault:
        for record in many:
            vault.put([record])
        assert vault.info()["blocks"] == 200
        monkeypatch.setattr(DefaultDialect, "do_execute", execute)
        assert list(vault.records()) == many
        assert len(asked) < 30
        asked.clear()
        vault.verify()
        assert len(asked) < 40


def test_what_was_fetched_ahead_is_short_and_soon_forgotten(schemas: Schemas, monkeypatch: pytest.MonkeyPatch) -> None:
    from iomt_interop.vault import postgres

    url = schemas.new("ahead")
    backend = schemas.kind.create(url, {})
    blocks = [Block(seq, b"h", b"s", b"c", os.urandom(900_000)) for seq in range(1, 13)]
    with backend.writing():
        backend.add_blocks(blocks)
    for block in blocks[:7]:
        assert backend.block(block.seq) == block
        waiting = backend._ahead._waiting.values()
        assert sum(len(each.ciphertext) for each in waiting) <= 4 << 20
    assert list(waiting)
    other = schemas.backend(url, readonly=False)
    with other.writing():
        other.clear_blocks(range(8, 13))
    with backend.reading():
        # Another view is another state, and so is what comes later.
        assert backend.block(8).ciphertext == b""
    monkeypatch.setattr(postgres, "_FRESH", 0.0)
    for seq in (1, 2, 3, 4):
        assert backend.block(seq) == blocks[seq - 1]
    with other.writing():
        other.clear_blocks([5])
    assert backend.block(5).ciphertext == b""
    assert backend.block(99) is None
    backend.close()
    other.close()


# The disk.


def test_compaction_waits_for_older_views(in_postgres: str, schemas: Schemas, key: KeyFile, watcher: Any) -> None:
    """What a view of before may see would be written again; and an hour-old one is not waited for."""
    with Vault.open(in_postgres, keys=key, mode="write") as made:
        made.put([observation(1)])
    ((sealed,),) = schemas.rows(in_postgres, "SELECT ciphertext FROM blocks ORDER BY seq DESC LIMIT 1")
    backend = schemas.backend(in_postgres, readonly=False, timeout=0.3)
    with Vault(backend, key) as vault:
        watcher.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
        watcher.execute("SELECT 1")
        vault.erase("s", at="2026-11-24T08:00:00Z")
        with pytest.raises(VaultLocked, match=r"SEC-003.*compact again"):
            vault.compact()
        watcher.execute("ROLLBACK")
        assert isinstance(sealed, bytes)
        assert sealed in schemas.octets(in_postgres)
        vault.compact()
        assert sealed not in schemas.octets(in_postgres)
        vault.verify()


def test_compaction_among_writers_and_readers(in_postgres: str, key: KeyFile) -> None:
    """Whoever is in the way waits or is told, and nothing is lost; no two wait for each other."""
    ended, stored, told = threading.Event(), list[m.Record](), list[IomtError]()

    def write() -> None:
        with Vault.open(in_postgres, keys=key, mode="write") as vault:
            for number in range(2000):
                try:
                    vault.put([observation(number, f"s{number % 5}")])
                    stored.append(observation(number, f"s{number % 5}"))
                except VaultLocked as error:
                    told.append(error)
                if ended.is_set():
                    return

    def read() -> None:
        with Vault.open(in_postgres, keys=key) as vault:
            while not ended.is_set():
                try:
                    vault.verify()
                except VaultLocked as error:
                    told.append(error)

    threads = [threading.Thread(target=write), threading.Thread(target=read)]
    for thread in threads:
        thread.start()
    compacted = 0
    with Vault.open(in_postgres, keys=key, mode="write") as vault:
        vault.put([observation(5000, "gone")])
        vault.erase("gone", at="2026-11-24T08:00:00Z")
        for _ in range(4):
            try:
                vault.compact()
                compacted += 1
            except VaultLocked as error:
                told.append(error)
        ended.set()
        for thread in threads:
            thread.join()
        assert compacted
        assert stored
        assert all(error.code == "SEC-003" for error in told)
        found = Counter(record.id for record in vault.records() if record.kind == "observation")
        assert found >= Counter(record.id for record in stored)
        vault.verify()
        vault.compact()


def test_a_smaller_vault_takes_less_room(schemas: Schemas, key: KeyFile) -> None:
    with Vault.create(schemas.new("room"), keys=key) as vault:
        raw = os.urandom(400_000)
        vault.put([make(m.Residue, raw=raw, reason="test", subject="s"), observation(1, "t")])
        before = int(vault.info()["bytes"])
        vault.erase("s", at="2026-11-24T08:00:00Z")
        assert vault.compact() >= 400_000
        assert int(vault.info()["bytes"]) <= before - 400_000


def test_no_identifier_stands_in_clear_on_the_servers_disk(
    schemas: Schemas, running: Server, key: KeyFile, watcher: Any
) -> None:
    """Tables, indexes, the write-ahead log, the server's messages: every file that was written meanwhile."""
    began = time.time() - 2
    who = next(record for record in every_kind() if record.kind == "subject")
    words = [SECRET, "MDC_PULS_OXIM", "150456", who.id, observation(1).id]
    with Vault.create(schemas.new("clear"), keys=key) as vault:
        vault.put(every_kind())
        vault.put([observation(n) for n in range(2000)])
        vault.put([record.replace(status="amended") for record in every_kind() if record.kind == "observation"])
        vault.hold(who.id, f"about {SECRET}")
        assert vault.find(SECRET) == [who.id]
        watcher.execute("CHECKPOINT")
        written = [p for p in running.folder.rglob("*") if p.is_file() and p.stat().st_mtime >= began]
        assert {"pg_wal", "base"} <= {path.relative_to(running.folder).parts[0] for path in written}
        assert sum(path.stat().st_size for path in written) > 1 << 20
        for path in written:
            data = path.read_bytes()
            for at in range(0, len(data), 1 << 20):
                piece = data[at : at + (1 << 20) + 1000]
                assert not piece.strip(b"\0") or find_leaks(piece, words) == [], path.name
    # The search finds what is there.
    watcher.execute("CREATE TABLE IF NOT EXISTS public.clear (word text)")
    watcher.execute("INSERT INTO public.clear VALUES (%s)", (SECRET,))
    watcher.execute("CHECKPOINT")
    ((path_of,),) = watcher.execute("SELECT pg_relation_filepath('public.clear')").fetchall()
    assert find_leaks((running.folder / path_of).read_bytes(), words)
