"""What a vault leaves behind: nothing of a person on any disk, no key in memory, and little else there."""

from __future__ import annotations

import base64
import hmac
import os
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from hashlib import sha512
from pathlib import Path
from typing import IO

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from support.memory import Scanner, corpus_message, identifiers, memory_of

from iomt_interop.vault import KeyFile, Vault

PERSONS = 1_000
TEXTS = 3 * PERSONS
LEFT = 0.02
"""Of the identifiers, how many may be in memory that was swept; ``docs/explanation/privacy.md`` has the figures."""

CHILD = """
import gc, logging, sys
from pathlib import Path

folder = Path(sys.argv[1])
logging.basicConfig(filename=folder / "log", level=logging.DEBUG)

def work():
    import iomt_interop as iomt
    from iomt_interop.vault import KeyFile, Vault

    keys = KeyFile(folder / "key")
    with Vault.create(folder / "store" / "v", keys=keys) as vault:
        files = sorted((folder / "in").iterdir())
        for start in range(0, len(files), 100):
            vault.put(record for file in files[start : start + 100] for record in iomt.read(file))
    with Vault.open(folder / "store" / "v", keys=keys, mode="write") as vault:
        held = list(vault.records())
        vault.verify()
        vault.backup(folder / "store" / "copy")
        vault.rotate(KeyFile.create(folder / "next"))
        list(vault.records())
        tell("open")
    del held

def tell(word):
    print(word, flush=True)
    sys.stdin.readline()

work()
gc.collect()
tell("closed")
from iomt_interop.vault import sweep_memory
sweep_memory()
tell("swept")
"""

pytestmark = pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="reads /proc/PID/mem, which Linux has")


@dataclass(frozen=True)
class Left:
    """What was found at one time in a process, and where it was working."""

    folder: Path
    open: bytes
    closed: bytes
    swept: bytes


@pytest.fixture(scope="module")
def people() -> list[tuple[str, str, str]]:
    return identifiers(PERSONS)


@pytest.fixture(scope="module")
def left(tmp_path_factory: pytest.TempPathFactory, people: list[tuple[str, str, str]]) -> Left:
    """Let another process ingest 1,000 messages; read its memory while the vault is open and after it was closed."""
    folder = tmp_path_factory.mktemp("left")
    for name in ("in", "store", "tmp"):
        (folder / name).mkdir()
    for number, person in enumerate(people):
        (folder / "in" / f"{number:04d}").write_bytes(corpus_message(number, person))
    KeyFile.create(folder / "key")
    # Every object from malloc or from pymalloc, as in an ordinary process; a debug build would fill what is freed.
    environment = {**os.environ, "TMPDIR": str(folder / "tmp"), "PYTHONMALLOC": "default", "HOME": str(folder)}
    command = [sys.executable, "-c", CHILD, str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        found = [_memory_at(word, child.pid, child.stdin, child.stdout) for word in (b"open", b"closed", b"swept")]
    assert child.returncode == 0
    return Left(folder, *found)


def _memory_at(word: bytes, pid: int, stdin: IO[bytes], stdout: IO[bytes]) -> bytes:
    assert stdout.readline().strip() == word
    try:
        memory = b"\n".join(memory_of(pid))
    except PermissionError:
        pytest.skip("the system lets nobody read another process")
    stdin.write(b"\n")
    stdin.flush()
    return memory


@pytest.fixture(scope="module")
def scanner(people: list[tuple[str, str, str]]) -> Scanner:
    return Scanner(text for person in people for text in person)


def test_the_scanner_finds_every_encoding_at_every_alignment() -> None:
    person = identifiers(1)[0]
    scanner = Scanner(person)
    for text in person:
        for case in (text.upper(), text.lower(), text.title()):
            raw = case.encode()
            hidden = {
                "utf-8": [b"x" + raw + b"x"],
                "utf-16-le": [b"x" + case.encode("utf-16-le")],
                "utf-16-be": [b"x" + case.encode("utf-16-be")],
                "hex": [raw.hex().encode(), raw.hex().upper().encode()],
                "base64": [base64.b64encode(b"x" * shift + raw + b"yz") for shift in range(6)],
            }
            for encoding, places in hidden.items():
                for octets in places:
                    assert [name for name, _ in scanner.scan(octets)] == [encoding], (encoding, case)
    assert not scanner.scan(identifiers(2, seed=8)[1][0].encode())


def test_no_identifier_on_a_disk_no_key_in_memory(left: Left, scanner: Scanner) -> None:
    """One test, since the process that it looks at takes its time; each step is also shown to find what there is."""
    _check_disk(left.folder, scanner)
    _check_keys(left)
    _check_memory(left, scanner)


def _check_disk(folder: Path, scanner: Scanner) -> None:
    files = [path for name in ("store", "tmp") for path in (folder / name).rglob("*") if path.is_file()]
    assert len(files) >= 2
    for path in [*files, folder / "log"]:
        assert scanner.scan(path.read_bytes()) == Counter(), path.name
    written = {path.relative_to(folder).parts[0] for path in folder.rglob("*") if path.is_file()}
    assert written <= {"in", "store", "tmp", "log", "key", "next"}
    assert len(scanner.scan(b"".join(path.read_bytes() for path in (folder / "in").iterdir()))) == TEXTS


def _check_keys(left: Left) -> None:
    old = _keys(left.folder / "store" / "copy", left.folder / "key")
    new = _keys(left.folder / "store" / "v", left.folder / "next")
    for memory in (left.closed, left.swept):
        assert _present(memory, old | new) == 0
    assert _present(left.open, new) > PERSONS


def _keys(path: Path, file: Path) -> set[bytes]:
    """Return every key of a vault: by its own way of deriving them, not by what was in the other process."""
    kek = KeyFile(file).key({"kind": "key-file"})
    with Vault.open(path, keys=KeyFile(file)) as vault:
        assert sum(1 for _ in vault.records())
        ledger = vault._ledger
        keys = {bytes(key.value) for key in ledger.secrets()}
        assert len(keys) > PERSONS
        for header in ledger.headers.values():
            block = ledger._backend.block(header.seq)
            assert block is not None
            salted = b"iomt block\0" + block.salt
            keys.add(hmac.digest(ledger._key_of(header.handle).value, salted, sha512)[:32])
    return keys | {
        bytes(kek.value),
        file.read_bytes().strip(),
        kek.value.hex().encode(),
        bytes(kek.derive(b"wrap").value),
    }


def _present(memory: bytes, keys: set[bytes]) -> int:
    """Return how many keys are there, whole or by their second half: the first octets of freed memory are reused."""
    size, halves = 16, {key[16:32] for key in keys}
    wanted = pa.array([int.from_bytes(half[:4], "little") for half in halves], pa.uint32())
    found = set()
    for offset in range(4):
        # All runs of four octets that begin at this offset, as numbers, against the beginnings of the keys.
        count = (len(memory) - offset) // 4
        numbers = pa.Array.from_buffers(pa.uint32(), count, [None, pa.py_buffer(memoryview(memory)[offset:])])
        for place in pc.indices_nonzero(pc.is_in(numbers, value_set=wanted)).to_pylist():
            half = memory[offset + 4 * place : offset + 4 * place + size]
            if half in halves:
                found.add(half)
    return len(found)


def _check_memory(left: Left, scanner: Scanner) -> None:
    """Python does not overwrite what it frees."""
    found = [len({text for _, text in scanner.scan(memory)}) for memory in (left.open, left.closed, left.swept)]
    print(f"of {TEXTS} identifiers: {found[0]} while it is open, {found[1]} when closed, {found[2]} after the sweep")
    assert found[0] == TEXTS
    assert found[2] <= LEFT * TEXTS
