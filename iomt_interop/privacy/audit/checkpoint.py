"""Signed notes and checkpoints (c2sp.org/signed-note, c2sp.org/tlog-checkpoint): a log's state in three lines.

A checkpoint says how many entries a log had and what their root was. Kept where who keeps the log cannot reach it, it
tells later whether anything before it was changed, moved or taken away.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from ...crypto.signing import SigningKey, VerifyKey
from ...errors import StoreDamaged
from .merkle import HASH_SIZE

__all__ = ["Checkpoint", "note_of", "sign_note", "verify_note"]

_DASH: Final = "— "
_MAX_NOTE: Final = 1 << 20
_MAX_SIZE: Final = 1 << 63


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A log's name, number of entries and root."""

    origin: str
    size: int
    root: bytes

    def text(self) -> str:
        """Return the text that is signed."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"

    def sign(self, key: SigningKey) -> str:
        """Return the signed note."""
        return sign_note(self.text(), key)

    @classmethod
    def parse(cls, text: str) -> Checkpoint:
        """Read the text of a note that was verified.

        Raises
        ------
        StoreDamaged
            ``AUD-003`` when it is no checkpoint.
        """
        lines = text.split("\n")
        if len(lines) < 4 or lines[-1] or not all(lines[:-1]):
            raise StoreDamaged("AUD-003", hint="three lines at least")
        size = lines[1]
        if not (size.isascii() and size.isdigit()) or (size[0] == "0" and size != "0") or len(size) > 19:
            raise StoreDamaged("AUD-003", hint="the size is no number")
        root = _unbase64(lines[2])
        if root is None or len(root) != HASH_SIZE or int(size) >= _MAX_SIZE:
            raise StoreDamaged("AUD-003", hint="the root is no SHA-256")
        return cls(lines[0], int(size), root)

    @classmethod
    def open(cls, note: str | bytes, keys: Iterable[VerifyKey]) -> Checkpoint:
        """Verify a signed note and read it.

        Raises
        ------
        StoreDamaged
            ``AUD-003`` when none of the keys signed it, or it is no checkpoint.
        """
        return cls.parse(verify_note(note, keys))


def sign_note(text: str, key: SigningKey) -> str:
    """Return the text, a blank line and the key's signature.

    Raises
    ------
    StoreDamaged
        ``AUD-003`` for a text that cannot be signed: without a newline at its end, or with control characters.
    """
    if not text.endswith("\n") or any(character < " " and character != "\n" for character in text):
        raise StoreDamaged("AUD-003", hint="a note's text is of lines")
    return _note(text, key.verify_key, key.sign(text.encode()))


def note_of(checkpoint: Checkpoint, key: VerifyKey, signature: bytes) -> str:
    """Return the signed note of a checkpoint whose signature is at hand."""
    return _note(checkpoint.text(), key, signature)


def _note(text: str, key: VerifyKey, signature: bytes) -> str:
    return f"{text}\n{_DASH}{key.name} {base64.b64encode(key.key_id + signature).decode()}\n"


def verify_note(note: str | bytes, keys: Iterable[VerifyKey]) -> str:
    """Return a note's text, when one of the keys signed it and none of them is falsely named.

    Signatures of unknown keys are passed over.

    Raises
    ------
    StoreDamaged
        ``AUD-003`` otherwise.
    """
    try:
        whole = note.decode("utf-8") if isinstance(note, bytes) else note
        raw = whole.encode("utf-8")
    except UnicodeError:
        raise StoreDamaged("AUD-003", hint="not UTF-8") from None
    if len(raw) > _MAX_NOTE or any(character < " " and character != "\n" for character in whole):
        raise StoreDamaged("AUD-003", hint="too long, or of more than lines")
    text, blank, signatures = whole.rpartition("\n\n")
    if not blank or not signatures.endswith("\n"):
        raise StoreDamaged("AUD-003", hint="no signature")
    text += "\n"
    known = {(key.name, key.key_id): key for key in keys}
    good = False
    for line in signatures[:-1].split("\n"):
        name, _, encoded = line.removeprefix(_DASH).rpartition(" ")
        signature = _unbase64(encoded)
        if not line.startswith(_DASH) or not name or signature is None or len(signature) < 5:
            raise StoreDamaged("AUD-003", hint="a signature line is malformed")
        key = known.get((name, signature[:4]))
        if key is not None:
            if not key.verify(signature[4:], text.encode()):
                raise StoreDamaged("AUD-003", hint="a known key did not sign this")
            good = True
    if not good:
        raise StoreDamaged("AUD-003", hint="no known key signed this")
    return text


def _unbase64(text: str) -> bytes | None:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
