"""MSH-18: the message's character sets (HL7 table 0211), with the aliases seen in the field."""

from __future__ import annotations

import codecs
import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from .iso2022 import MIXED, blank_designated

__all__ = ["CHARSETS", "FALLBACKS", "choose_codec", "codec_name"]

CHARSETS: Final[dict[str, str]] = {
    "": "ascii",
    "ASCII": "ascii",
    "US-ASCII": "ascii",
    "ISO IR6": "ascii",
    **{f"8859/{part}": f"iso8859-{part}" for part in (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 14, 15, 16)},
    "LATIN1": "iso8859-1",
    "ISO IR14": "shift_jis",
    "ISO IR13": "shift_jis",
    "ISO IR87": "iso2022_jp",
    "ISO IR159": "iso2022_jp_1",
    "ISO IR100": "iso8859-1",
    "ISO IR101": "iso8859-2",
    "ISO IR109": "iso8859-3",
    "ISO IR110": "iso8859-4",
    "ISO IR144": "iso8859-5",
    "ISO IR127": "iso8859-6",
    "ISO IR126": "iso8859-7",
    "ISO IR138": "iso8859-8",
    "ISO IR148": "iso8859-9",
    "ISO IR149": "euc_kr",
    "ISO IR192": "utf-8",
    "SHIFT_JIS": "shift_jis",
    "SJIS": "shift_jis",
    "EUC-JP": "euc_jp",
    "GB 18030-2000": "gb18030",
    "GB 18030-2005": "gb18030",
    "GB18030": "gb18030",
    "GB18030-2000": "gb18030",
    "GB2312": "gb18030",
    "GBK": "gb18030",
    "KS X 1001": "euc_kr",
    "KSX1001": "euc_kr",
    "EUC-KR": "euc_kr",
    "CNS 11643-1992": "iomt_euc_tw",
    "CNS 11643": "iomt_euc_tw",
    "CNS": "iomt_euc_tw",
    "EUC-TW": "iomt_euc_tw",
    "BIG-5": "cp950",
    "BIG5": "cp950",
    "UNICODE": "utf-8",
    "UNICODE UTF-8": "utf-8",
    "UNICODE UTF8": "utf-8",
    "UNICODE UTF-16": "utf-16",
    "UNICODE UTF-32": "utf-32",
    "UTF-8": "utf-8",
    "UTF8": "utf-8",
    "UTF-16": "utf-16",
    "UTF-32": "utf-32",
    **{f"WINDOWS-125{page}": f"cp125{page}" for page in range(9)},
    **{f"CP125{page}": f"cp125{page}" for page in range(9)},
}
"""Value of MSH-18 to the name of Python's codec. ``UNICODE`` alone was withdrawn; the field means UTF-8 by it."""

FALLBACKS: Final = ("utf-8", "cp1252", "latin-1")
"""Tried in this order when the declared set is unknown or does not fit; the last takes any octets."""

_ISO_8859: Final = re.compile(r"(?:ISO[-_ ]?)?8859[-/](\d{1,2})")
_ISO_IR: Final = re.compile(r"ISO[-_ ]?IR[-_ ]?(\d{1,3})")
_TRAILS: Final = {
    "cp950": re.compile(rb"[\x81-\xfe][\x40-\x7e]|[\x81-\xfe]."),
    "shift_jis": re.compile(rb"[\x81-\x9f\xe0-\xfc][\x40-\x7e]|[\x81-\x9f\xe0-\xfc]."),
    "gb18030": re.compile(rb"[\x81-\xfe][\x30-\x39][\x81-\xfe][\x30-\x39]|[\x81-\xfe][\x40-\x7e]|[\x81-\xfe]."),
}
"""Sets in which the second octet of a character may look like a delimiter."""


@lru_cache(maxsize=128)
def codec_name(declared: str) -> str | None:
    """Return Python's codec for a value of MSH-18; ``None`` when it is unknown.

    Examples
    --------
    >>> from iomt_interop.wire.hl7v2 import codec_name
    >>> codec_name("UNICODE UTF-8"), codec_name("8859/1"), codec_name("wrong")
    ('utf-8', 'iso8859-1', None)
    """
    text = " ".join(declared.upper().split())
    name = CHARSETS.get(text)
    if name is None and (match := _ISO_8859.fullmatch(text)):
        name = f"iso8859-{match[1]}"
    if name is None and (match := _ISO_IR.fullmatch(text)):
        name = CHARSETS.get(f"ISO IR{match[1]}")
    try:
        return None if name is None else codecs.lookup(name).name
    except LookupError:
        return None


def choose_codec(declared: str, data: bytes, others: Sequence[str] = ()) -> tuple[str, str | None]:
    """Return the codec that decodes the whole message, and the code of a doubt.

    A message of plain ASCII is read by whatever it declares, which counts for its hexadecimal sequences. Where ESC
    occurs in the octets and more than one set is declared, or one that ISO 2022 switches to, ESC designates sets.

    Parameters
    ----------
    declared : str
        First repetition of MSH-18.
    data : bytes
        The message.
    others : sequence of str, optional
        Further repetitions of MSH-18, and MSH-20.
    """
    name = codec_name(declared)
    wide = name is not None and name.startswith(("utf-16", "utf-32"))  # its delimiters would be wide too
    if b"\x1b" in data and name is not None and (name.startswith("iso2022") or any(others)):
        name = MIXED + ("ascii" if name.startswith("iso2022") else name)
    elif data.isascii():
        return "ascii" if name is None or wide else name, None if name is not None else "HL7-109"
    for candidate in FALLBACKS if name is None or wide else (name, *FALLBACKS):
        try:
            data.decode(candidate)
        except UnicodeDecodeError:
            continue
        return candidate, None if candidate == name else "HL7-110"
    raise AssertionError("latin-1 decodes any octets")


def blank_characters(data: bytes, declared: str) -> bytes:
    """Return the message with no character of several octets left that looks like a delimiter; of the same length.

    Characters of Big5, Shift JIS, GB 18030 and ISO 2022 may end in the octets of ``|``, ``^``, ``~``, backslash and
    ``&``. Data that is not in the declared set is returned as it is.
    """
    if b"\x1b$" in data:
        data = blank_designated(data)
    trails = _TRAILS.get(codec_name(declared) or "")
    if trails is None or data.isascii():
        return data
    try:
        data.decode(codec_name(declared) or "ascii")
    except UnicodeDecodeError:
        return data
    return trails.sub(lambda match: b"\x80" * len(match[0]), data)
