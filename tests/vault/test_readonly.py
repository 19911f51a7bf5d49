"""A vault is read where nothing can be written, and reading leaves nothing behind."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.records import every_kind

from iomt_interop.errors import IomtError
from iomt_interop.vault import KeyFile, SqliteBackend, Vault
from iomt_interop.vault.files import uri_of


@pytest.fixture
def folder() -> Iterator[Path]:
    """Return a folder that other users may enter."""
    made = Path(tempfile.mkdtemp())
    made.chmod(0o755)
    yield made
    made.chmod(0o755)
    shutil.rmtree(made)


@pytest.fixture
def key(folder: Path) -> KeyFile:
    """Return a new key file, which anybody may read."""
    key = KeyFile.create(folder / "key")
    (folder / "key").chmod(0o444)
    return key


@pytest.fixture
def vault(folder: Path, key: KeyFile) -> Path:
    """Return a closed vault."""
    path = folder / "v"
    with Vault.create(path, keys=key) as made:
        made.put(every_kind())
    # Read once: whatever is imported late is imported by somebody who may.
    assert use(path, key) == str(len(every_kind()))
    return path


def use(path: Path, key: KeyFile) -> str:
    """Read and verify a vault; return how many records there are, or the error."""
    try:
        with Vault.open(path, keys=key) as vault:
            vault.verify()
            assert vault.info()["records"] == len(every_kind())
            return str(len(list(vault.records())))
    except IomtError as error:
        return str(error)


def write(path: Path, key: KeyFile) -> str:
    """Try to write; return the error."""
    try:
        with Vault.open(path, keys=key, mode="write") as vault:
            return str(vault.put(every_kind()).unchanged)
    except IomtError as error:
        return str(error)


def as_nobody(action: Callable[[Path, KeyFile], str], path: Path, key: KeyFile) -> str:
    """Do something in a child that is another user where this one is root, whom no permission stops."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            if os.geteuid() == 0:
                os.setgroups([])
                os.setgid(65534)
                os.setuid(65534)
            os.write(writing, action(path, key).encode())
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as stream:
        said = stream.read().decode()
    os.waitpid(child, 0)
    return said


def in_log_mode(path: Path) -> None:
    """Leave a vault as a writer leaves it that could not tidy up."""
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.close()


@pytest.mark.parametrize("logging", [False, True], ids=["at rest", "in log mode"])
@pytest.mark.parametrize("modes", [(0o444, 0o555), (0o644, 0o555), (0o444, 0o755)])
def test_no_right_to_write_is_needed(vault: Path, key: KeyFile, modes: tuple[int, int], logging: bool) -> None:
    if logging:
        in_log_mode(vault)
    before = vault.read_bytes()
    vault.chmod(modes[0])
    vault.parent.chmod(modes[1])
    assert as_nobody(use, vault, key) == str(len(every_kind()))
    refused = as_nobody(write, vault, key)
    assert "SEC-006" in refused
    assert sorted(p.name for p in vault.parent.iterdir()) == ["key", "v"]
    assert vault.read_bytes() == before


def test_a_folder_of_one_s_own_stays_clean_too(vault: Path, key: KeyFile) -> None:
    """The file is another's, the folder is not: SQLite could make its files there, and never take them away."""
    in_log_mode(vault)
    vault.parent.chmod(0o777)
    vault.chmod(0o444)
    assert as_nobody(use, vault, key) == str(len(every_kind()))
    assert sorted(p.name for p in vault.parent.iterdir()) == ["key", "v"]


def test_what_a_live_writer_has_committed_is_seen(vault: Path, key: KeyFile) -> None:
    vault.chmod(0o644)
    with Vault.open(vault, keys=key, mode="write") as writer:
        writer.put([record.replace(id="0" * 32) for record in every_kind()[-1:]])
        assert vault.with_name("v-wal").stat().st_size
        assert as_nobody(
            lambda path, key: str(sum(1 for _ in Vault.open(path, keys=key).records())), vault, key
        ) == str(len(every_kind()) + 1)
    assert sorted(p.name for p in vault.parent.iterdir()) == ["key", "v"]


def test_what_may_not_be_read_is_no_damage(vault: Path, key: KeyFile) -> None:
    vault.chmod(0o000)
    assert "may not be read" in as_nobody(use, vault, key)


def test_how_a_file_is_opened(vault: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert uri_of(vault, readonly=True).endswith("/v?mode=rw")
    assert uri_of(vault, readonly=False).endswith("/v?mode=rw")
    odd = vault.with_name("a?b#c%20é")
    assert "/a%3Fb%23c%2520%C3%A9?mode=rw" in uri_of(shutil.copy(vault, odd), readonly=True)
    monkeypatch.setattr(os, "access", lambda _path, right, **_: right == os.R_OK)
    assert uri_of(vault, readonly=True).endswith("?mode=ro")
    in_log_mode(vault)
    assert uri_of(vault, readonly=True).endswith("?mode=ro&immutable=1")
    # What waits in a log must not be passed over.
    vault.with_name("v-wal").write_bytes(b"x")
    assert uri_of(vault, readonly=True).endswith("?mode=ro")


def test_odd_names_and_links(vault: Path, key: KeyFile, folder: Path) -> None:
    odd = folder / "a?b#c%20é&mode=memory"
    shutil.copy(vault, odd)
    link = folder / "sub" / "link"
    link.parent.mkdir()
    link.symlink_to(odd)
    for path in (odd, link):
        assert use(path, key) == str(len(every_kind()))
        assert write(path, key) == str(len(every_kind()))
    assert [p.name for p in link.parent.iterdir()] == ["link"]


@pytest.mark.parametrize("mode", ["read", "write"])
def test_nothing_is_left_behind(vault: Path, key: KeyFile, folder: Path, mode: str) -> None:
    in_log_mode(vault)
    (folder / "junk").write_bytes(b"no vault" * 600)
    other = sqlite3.connect(folder / "other")
    other.executescript("PRAGMA journal_mode=WAL; CREATE TABLE t (x)")
    other.close()
    wrong = KeyFile.create(folder / "wrong")
    names = sorted(p.name for p in folder.iterdir())
    for path, keys, code in (
        (vault, wrong, "SEC-001"), (folder / "junk", key, "SEC-007"), (folder / "other", key, "SEC-007"),
    ):  # fmt: skip
        before = path.read_bytes()
        with pytest.raises(IomtError, match=code):
            Vault.open(path, keys=keys, mode=mode)  # type: ignore[arg-type]
        assert sorted(p.name for p in folder.iterdir()) == names
        assert path.read_bytes() == before
    with Vault.open(vault, keys=key, mode=mode) as opened:  # type: ignore[arg-type]
        assert len(list(opened.records())) == len(every_kind())
    assert sorted(p.name for p in folder.iterdir()) == names


def test_a_wrong_mode_is_told_at_once(vault: Path, key: KeyFile) -> None:
    for path in (vault, vault / "none"):
        with pytest.raises(IomtError, match="USE-001"):
            Vault.open(path, keys=key, mode="rw")  # type: ignore[arg-type]


def test_a_writer_leaves_one_file_that_asks_for_no_other(vault: Path, key: KeyFile) -> None:
    with Vault.open(vault, keys=key, mode="write") as one, Vault.open(vault, keys=key, mode="write") as two:
        for number, writer in enumerate((one, two)):
            writer.put([record.replace(id=f"{number:032x}") for record in every_kind()[-1:]])
            assert writer.info()["log_bytes"]
        assert int(one.info()["bytes"]) == vault.stat().st_size
    assert vault.read_bytes()[18:20] == b"\1\1"
    with Vault.open(vault, keys=key) as reader:
        info = reader.info()
        assert (info["records"], info["bytes"], "log_bytes" in info) == (
            len(every_kind()) + 2,
            vault.stat().st_size,
            False,
        )
        assert sorted(p.name for p in vault.parent.iterdir()) == ["key", "v"]


KILLED = """
import os, sys
sys.path[:0] = [sys.argv[3]]
from support.records import every_kind
from iomt_interop.vault import KeyFile, Vault
vault = Vault.open(sys.argv[1], keys=KeyFile(sys.argv[2]), mode="write")
vault.put([record.replace(id="0" * 32) for record in every_kind()[-1:]])
os._exit(0)
"""


def test_what_a_killed_writer_left_is_read_and_then_tidied(vault: Path, key: KeyFile, root: Path) -> None:
    command = [sys.executable, "-c", KILLED, str(vault), str(vault.with_name("key")), str(root / "tests")]
    subprocess.run(command, check=True)
    assert vault.with_name("v-wal").stat().st_size
    with Vault.open(vault, keys=key) as reader:
        assert len(list(reader.records())) == len(every_kind()) + 1
    assert sorted(p.name for p in vault.parent.iterdir()) == ["key", "v"]
    SqliteBackend(vault).close()
