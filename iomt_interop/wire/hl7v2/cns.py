"""CNS 11643-1992 as EUC-TW writes it: two octets for plane 1, SS2 (8E), the plane and two octets for the others."""

from __future__ import annotations

import re
from functools import cache
from typing import Any, Final

__all__ = ["decode_euc_tw", "encode_euc_tw"]

_PIECES: Final = re.compile(rb"[\x00-\x7f]+|\x8e[\xa1-\xa7][\xa1-\xfe]{2}|[\xa1-\xfe]{2}|[\x80-\xff]")
_NONE: Final = "\ufffd"


@cache
def _tables() -> tuple[dict[tuple[int, int], str], dict[str, bytes]]:
    """Load the table when it is needed for the first time."""
    from ._cns_table import ROWS  # noqa: PLC0415 - a large table that few messages need

    back: dict[str, bytes] = {}
    for (plane, row), characters in ROWS.items():
        for cell, character in enumerate(characters):
            lead = b"" if plane == 1 else bytes((0x8E, 0xA0 + plane))
            back.setdefault(character, lead + bytes((0xA0 + row, 0xA1 + cell)))
    back.pop(_NONE, None)
    return ROWS, back


def decode_euc_tw(octets: Any, errors: str = "strict", /) -> tuple[str, int]:
    """Decode; the shape that :class:`codecs.CodecInfo` asks for."""
    raw = bytes(octets)
    rows, _ = _tables()
    out: list[str] = []
    for match in _PIECES.finditer(raw):
        piece = match[0]
        if piece[0] < 0x80:
            out.append(piece.decode("ascii"))
            continue
        character = _NONE
        if len(piece) > 1:
            row = rows.get((piece[1] - 0xA0 if len(piece) == 4 else 1, piece[-2] - 0xA0), "")
            character = row[piece[-1] - 0xA1 : piece[-1] - 0xA0] or _NONE
        if character == _NONE and errors == "strict":
            raise UnicodeDecodeError("iomt_euc_tw", b"", 0, 0, "no character")
        out.append(character)
    return "".join(out), len(raw)


def encode_euc_tw(text: str, errors: str = "strict", /) -> tuple[bytes, int]:
    """Encode; the shape that :class:`codecs.CodecInfo` asks for."""
    _, back = _tables()
    out = bytearray()
    for character in text:
        if character.isascii():
            out.append(ord(character))
        elif character in back:
            out += back[character]
        elif errors == "strict":
            raise UnicodeEncodeError("iomt_euc_tw", "", 0, 0, "no character")
        else:
            out += b"?"
    return bytes(out), len(text)
