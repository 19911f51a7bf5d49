"""Messages that are durable before they are understood: sealed in a folder, translated when there is time.

A file of the spool has a head (identity, public parameters of the key provider, wrapped data key) and sealed batches,
each bound to the file and to its number, each synced before its messages are acknowledged. What a killed process left
half-written at the end of a file was never acknowledged. A file is taken away when all of it is in the vault.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from struct import Struct
from typing import Final

from ..crypto import KeyProvider, Sealed, SecretKey, open_sealed, seal, unwrap_key, wrap_key
from ..errors import InvalidRequest, SecurityError, StoreDamaged
from ..model import Provenance, Residue, record_id
from ..wire.hl7v2.ack import Outcome
from .delivery import ACCEPTED, Delivery, Verdict
from .sink import VaultSink

__all__ = ["Drain", "Spool"]

_MAGIC: Final = b"IOMTSPL1"
_SIZE: Final = Struct(">I")
_SALT: Final = 32
_LONGEST: Final = 1 << 30
_STEP: Final = 100
"""Messages that are translated at a time; a burst that comes meanwhile waits no longer than for these."""


class Spool:
    """A store for a server that only seals and syncs.

    Parameters
    ----------
    folder : path
        Where the files are; made where it is missing, for its owner alone.
    keys : KeyProvider
        Gives the key, as for a vault.
    file_bytes : int
        Length at which a file is ended and another begun.
    most_bytes : int
        Length of all files at which messages are rejected; their senders try again later.

    Raises
    ------
    InvalidRequest
        ``USE-002`` when the folder cannot be made or read.
    """

    def __init__(
        self, folder: Path, keys: KeyProvider, *, file_bytes: int = 8 << 20, most_bytes: int = 1 << 30
    ) -> None:
        self._folder, self._keys = folder, keys
        self._file_bytes, self._most = file_bytes, most_bytes
        self._parameters = keys.parameters()
        self._keks: dict[str, SecretKey] = {}
        self._lock = threading.Lock()
        try:
            folder.mkdir(mode=0o700, exist_ok=True)
            self._ended = sorted(folder.glob("*.spool"))
            self._sizes = {path: path.stat().st_size for path in self._ended}
        except OSError:
            self._ended = None  # type: ignore[assignment]  # told below, without the system's text
        if self._ended is None:
            raise InvalidRequest("USE-002", path="spool", hint="the folder cannot be made or read")
        self._number = int(self._ended[-1].stem) if self._ended else 0
        self._handle: int | None = None
        self._current: Path | None = None
        self._key, self._name, self._seq = SecretKey(b""), b"", 0

    def __repr__(self) -> str:
        return f"Spool({len(self._sizes)} files)"

    @property
    def waiting(self) -> int:
        """Octets that are not in the vault yet."""
        return sum(self._sizes.copy().values())

    def __call__(self, batch: Sequence[Delivery]) -> list[Verdict]:
        """Make a batch durable.

        Raises
        ------
        StoreDamaged
            ``SEC-006`` when the disk does not take it, or too much waits.
        """
        if self.waiting > self._most:
            raise StoreDamaged("SEC-006", hint="too many messages wait for their translation")
        plain = b"".join(_SIZE.pack(len(delivery.message)) + delivery.message for delivery in batch)
        with self._lock:
            try:
                if self._handle is None:
                    self._begin()
                self._append(plain)
            except OSError:
                self._end()  # what is half-written must stay the end of its file
                failed = True
            else:
                failed = False
        if failed:
            raise StoreDamaged("SEC-006")
        return [ACCEPTED] * len(batch)

    def take(self) -> Path | None:
        """Return the oldest file; the one that is being written is ended when there is no other."""
        with self._lock:
            if not self._ended and self._handle is not None:
                self._end()
            return self._ended[0] if self._ended else None

    def done(self, path: Path) -> None:
        """Take a file away."""
        with suppress(OSError):
            path.unlink()
        with self._lock:
            self._ended.remove(path)
            self._sizes.pop(path, None)

    def set_aside(self, path: Path) -> None:
        """Keep a file under another name, for somebody to look at."""
        with self._lock:
            with suppress(OSError):
                path.rename(path.with_suffix(".damaged"))
            self._ended.remove(path)
            self._sizes.pop(path, None)

    def close(self) -> None:
        """End the file that is being written, and forget the keys."""
        with self._lock:
            self._end()
            for key in self._keks.values():
                key.wipe()
            self._keks.clear()

    def remove(self) -> None:
        """Take the folder away, if it is empty."""
        with suppress(OSError):
            self._folder.rmdir()

    @property
    def may_wait(self) -> bool:
        """Whether there is room for more before anything has to be taken away."""
        return self.waiting < self._most // 2

    def read(self, path: Path) -> Iterator[list[bytes]]:
        """Yield the batches of a file.

        Raises
        ------
        SecurityError
            When the file is not what was written.
        """
        with open(path, "rb") as stream:
            if stream.read(len(_MAGIC)) != _MAGIC or (head := _block(stream)) is None:
                return  # it never held anything
            try:
                told = json.loads(head)
                name, wrapped = bytes.fromhex(told["name"]), bytes.fromhex(told["key"])
                parameters = {str(key): str(value) for key, value in told["keys"].items()}
            except (ValueError, KeyError, TypeError, AttributeError):
                told = None
            if told is None:
                raise StoreDamaged("SEC-004", hint="the spool's file has another head")
            key, seq = unwrap_key(self._kek(parameters), wrapped, _MAGIC + name), 0
            while (block := _block(stream)) is not None:
                sealed = Sealed(block[:_SALT], block[_SALT : 2 * _SALT], block[2 * _SALT :])
                yield _messages(open_sealed(key, sealed, _bound(name, seq)))
                seq += 1
            key.wipe()

    def _begin(self) -> None:
        self._number += 1
        self._name, self._key, self._seq = os.urandom(16), SecretKey.generate(), 0
        wrapped = wrap_key(self._kek(self._parameters), self._key, _MAGIC + self._name)
        head = json.dumps({"name": self._name.hex(), "keys": self._parameters, "key": wrapped.hex()}).encode()
        self._current = self._folder / f"{self._number:012}.spool"
        self._handle = os.open(self._current, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_APPEND, 0o600)
        self._sizes[self._current] = 0
        self._write(_MAGIC + _SIZE.pack(len(head)) + head)
        folder = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def _append(self, plain: bytes) -> None:
        sealed = seal(self._key, plain, _bound(self._name, self._seq))
        block = sealed.salt + sealed.commitment + sealed.ciphertext
        self._write(_SIZE.pack(len(block)) + block)
        assert self._handle is not None
        os.fsync(self._handle)
        self._seq += 1
        if self._current is not None and self._sizes[self._current] >= self._file_bytes:
            self._end()

    def _write(self, octets: bytes) -> None:
        assert self._handle is not None
        assert self._current is not None
        view = memoryview(octets)
        while view:
            written = os.write(self._handle, view)
            self._sizes[self._current] += written
            view = view[written:]

    def _end(self) -> None:
        if self._handle is not None and self._current is not None:
            with suppress(OSError):
                os.close(self._handle)
            self._ended.append(self._current)
            self._key.wipe()
        self._handle = self._current = None

    def _kek(self, parameters: dict[str, str]) -> SecretKey:
        name = json.dumps(parameters, sort_keys=True)
        if name not in self._keks:
            self._keks[name] = self._keys.key(parameters)
        return self._keks[name]


class Drain:
    """Brings the spool's messages into a vault, in their order; what no adapter takes is kept as residue.

    Parameters
    ----------
    spool : Spool
        Where they wait.
    sink : VaultSink
        Reads and stores them; used in one thread.
    """

    def __init__(self, spool: Spool, sink: VaultSink) -> None:
        self._spool, self._sink = spool, sink
        self._path: Path | None = None
        self._batches: Iterator[list[bytes]] = iter(())
        self._todo: list[bytes] = []

    def __repr__(self) -> str:
        return f"Drain({self._spool!r})"

    @property
    def may_wait(self) -> bool:
        """Whether the messages can wait for a better moment."""
        return self._spool.may_wait

    def step(self) -> int:
        """Store some messages; return how many, 0 when none waits. Called again after an error it goes on there.

        Raises
        ------
        SecurityError
            When the vault does not take them, or a file is not what was written; that one is set aside.
        """
        while not self._todo:
            if self._path is None and not self._next():
                return 0
            path, found = self._path, self._more()
            if found is not None:
                self._todo = found
            elif path is not None:
                self._spool.done(path)
                self._path = None
        some = self._todo[:_STEP]
        verdicts = self._sink([Delivery(message, "") for message in some])
        refused = [(m, v) for m, v in zip(some, verdicts, strict=True) if v.outcome is not Outcome.ACCEPTED]
        if refused:
            self._sink._keep([_residue(message, verdict) for message, verdict in refused])
        del self._todo[: len(some)]
        return len(some)

    def _more(self) -> list[bytes] | None:
        """Return the next batch; a file that is not what was written is set aside, and the next one goes on."""
        try:
            return next(self._batches, None)
        except SecurityError:
            if self._path is not None:
                self._spool.set_aside(self._path)
            self._path = None
            raise

    def _next(self) -> bool:
        self._path = self._spool.take()
        if self._path is not None:
            self._batches = self._spool.read(self._path)
        return self._path is not None


def _bound(name: bytes, seq: int) -> bytes:
    return _MAGIC + name + seq.to_bytes(8, "big")


def _block(stream: object) -> bytes | None:
    """Return the next block of a file; ``None`` at its end, be it torn or not.

    A block that was cut off was never acknowledged; that somebody cut off whole ones does not show.
    """
    read = stream.read  # type: ignore[attr-defined]
    size = read(_SIZE.size)
    if len(size) < _SIZE.size or _SIZE.unpack(size)[0] > _LONGEST:
        return None
    block: bytes = read(_SIZE.unpack(size)[0])
    return block if len(block) == _SIZE.unpack(size)[0] else None


def _messages(plain: bytes) -> list[bytes]:
    found, at = [], 0
    while at < len(plain):
        size = _SIZE.unpack_from(plain, at)[0]
        found.append(plain[at + 4 : at + 4 + size])
        at += 4 + size
    return found


def _residue(message: bytes, verdict: Verdict) -> Residue:
    digest, span = sha256(message).hexdigest(), (0, len(message))
    reason = next((error.application for error in verdict.errors if error.application), "MLP-201")
    provenance = Provenance(adapter="mllp", version="1", digest=digest, span=span)
    return Residue(
        id=record_id("residue", "mllp", digest), provenance=provenance, span=span, raw=message, reason=reason
    )
