r"""ISO 2022 in HL7's use of it: the sets that ESC, or ``\C..\`` and ``\M..\``, designates (table 0211, ch. 2.7.2).

Two codecs of Python are registered when this module is imported, under names of this project's own:
``iomt_2022_<codec>`` (octets of a set by designation, all others by the codec) and ``iomt_euc_tw`` (CNS 11643).
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable
from typing import Any, Final

from .cns import decode_euc_tw, encode_euc_tw

__all__ = ["MIXED", "DESIGNATIONS", "decode_designated", "decode_mixed"]

MIXED: Final = "iomt_2022_"
"""Beginning of the name of a codec in which ESC designates other sets."""

_JP: Final = "iso2022_jp_ext"
_JP2: Final = "iso2022_jp_2"

DESIGNATIONS: Final[dict[bytes, tuple[int, str]]] = {
    b"(B": (0, "ascii"),  # ISO-IR 6
    b"(J": (0, _JP),  # ISO-IR 14, JIS X 0201, Latin half
    b"(I": (0, _JP),  # ISO-IR 13, JIS X 0201, katakana half
    b")I": (1, "shift_jis"),
    b")J": (1, "shift_jis"),
    b"$B": (0, _JP),  # ISO-IR 87, JIS X 0208
    b"$@": (0, _JP),  # ISO-IR 42, its edition of 1978
    b"$(D": (0, _JP),  # ISO-IR 159, JIS X 0212
    b"$A": (0, _JP2),  # ISO-IR 58, GB 2312
    b"$)A": (1, "gb2312"),
    b"$(C": (0, _JP2),  # ISO-IR 149, KS X 1001
    b"$)C": (1, "euc_kr"),
    b"$)G": (1, "iomt_euc_tw"),  # ISO-IR 171, CNS 11643 plane 1
    b"-A": (1, "iso8859-1"),
    b"-B": (1, "iso8859-2"),
    b"-C": (1, "iso8859-3"),
    b"-D": (1, "iso8859-4"),
    b"-L": (1, "iso8859-5"),
    b"-G": (1, "iso8859-6"),
    b"-F": (1, "iso8859-7"),
    b"-H": (1, "iso8859-8"),
    b"-M": (1, "iso8859-9"),
    b"-V": (1, "iso8859-10"),
    b"-T": (1, "iso8859-11"),
    b"-Y": (1, "iso8859-13"),
    b"-_": (1, "iso8859-14"),
    b"-b": (1, "iso8859-15"),
    b"-f": (1, "iso8859-16"),
}
"""What follows ESC to the half of the code table that it changes (0 below 0x80, 1 above) and Python's codec."""

_ESCAPE: Final = re.compile(rb"\x1b(\$[()]?[@-Z]|[()\-][@-f])")
_HALVES: Final = re.compile(rb"[\x00-\x7f]+|[\x80-\xff]+")
_OPEN: Final = re.compile(rb"(\x1b\$\(?[@-Z])([^\x1b\r\n]*)")


def decode_designated(pieces: Iterable[bytes | str], charset: str) -> str:
    """Decode octets with designations among them; texts between them are taken as they are.

    Raises
    ------
    UnicodeDecodeError
        For a designation that is not in :data:`DESIGNATIONS`, and for octets that are not in their set.
    """
    low = b"(B"
    high: str | None = None
    out: list[str] = []
    waiting = bytearray()

    def flush() -> None:
        for match in _HALVES.finditer(waiting):
            octets = match[0]
            if octets[0] < 0x80:
                codec = DESIGNATIONS[low][1]
                out.append(octets.decode() if codec == "ascii" else (b"\x1b%b%b\x1b(B" % (low, octets)).decode(codec))
            else:
                out.append(octets.decode(high or charset))
        waiting.clear()

    for piece in pieces:
        if isinstance(piece, str):
            flush()
            out.append(piece)
            continue
        at = 0
        for match in _ESCAPE.finditer(piece):
            waiting += piece[at : match.start()]
            at = match.end()
            flush()
            if match[1] not in DESIGNATIONS:
                raise UnicodeDecodeError(MIXED, b"", 0, 0, "designation")
            half, codec = DESIGNATIONS[match[1]]
            low, high = (match[1], high) if half == 0 else (low, codec)
        waiting += piece[at:]
    flush()
    return "".join(out)


def decode_mixed(octets: bytes, charset: str) -> str:
    """Decode octets in which ESC designates other sets than ``charset``."""
    return decode_designated((octets,), charset)


def blank_designated(data: bytes) -> bytes:
    """Return a copy of the same length in which no character of a two-octet set looks like a delimiter.

    Such characters are made of the same octets as letters and delimiters; a set ends with the next ESC, at the
    latest with its line.
    """
    return _OPEN.sub(lambda match: match[1] + b"\x80" * len(match[2]), data)


def _search(name: str) -> codecs.CodecInfo | None:
    if name == "iomt_euc_tw":
        return codecs.CodecInfo(encode_euc_tw, decode_euc_tw, name=name)
    if not name.startswith(MIXED):
        return None
    charset = name.removeprefix(MIXED)
    try:
        inner = codecs.lookup(charset)
    except LookupError:
        return None

    def decode(octets: Any, errors: str = "strict", /) -> tuple[str, int]:
        raw = bytes(octets)
        try:
            return decode_mixed(raw, charset), len(raw)
        except UnicodeDecodeError:
            if errors == "strict":
                raise
            return inner.decode(raw, errors)[0], len(raw)

    def encode(text: str, errors: str = "strict", /) -> tuple[bytes, int]:
        try:
            return text.encode(charset), len(text)
        except UnicodeEncodeError:
            return text.encode(_JP, errors), len(text)

    return codecs.CodecInfo(encode, decode, name=name)


codecs.register(_search)
