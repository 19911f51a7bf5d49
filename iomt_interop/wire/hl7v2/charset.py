"""MSH-18: the message's character set (HL7 table 0211), with the aliases seen in the field."""

from __future__ import annotations

import codecs
import re
from typing import Final

__all__ = ["CHARSETS", "FALLBACKS", "choose_codec", "codec_name"]

CHARSETS: Final[dict[str, str]] = {
    "": "ascii",
    "ASCII": "ascii",
    "ISO IR6": "ascii",
    **{f"8859/{part}": f"iso8859-{part}" for part in (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 14, 15, 16)},
    "ISO IR14": "shift_jis",
    "ISO IR87": "iso2022_jp",
    "ISO IR159": "iso2022_jp_1",
    "GB 18030-2000": "gb18030",
    "KS X 1001": "euc_kr",
    "CNS 11643-1992": "euc_tw_unsupported",
    "BIG-5": "big5",
    "UNICODE": "utf-8",
    "UNICODE UTF-8": "utf-8",
    "UNICODE UTF-16": "utf-16",
    "UNICODE UTF-32": "utf-32",
    "UTF-8": "utf-8",
    "UTF8": "utf-8",
    "UTF-16": "utf-16",
    "UTF-32": "utf-32",
    "GB18030": "gb18030",
    "BIG5": "big5",
    "WINDOWS-1252": "cp1252",
}
"""Value of MSH-18 to the name of Python's codec."""

FALLBACKS: Final = ("utf-8", "cp1252", "latin-1")
"""Tried in this order when the declared set is unknown or does not fit; the last takes any octets."""

_ISO_8859: Final = re.compile(r"(?:ISO[- ]?)?8859[-/](\d{1,2})")


def codec_name(declared: str) -> str | None:
    """Return Python's codec for a value of MSH-18; ``None`` when it is unknown."""
    text = " ".join(declared.upper().split())
    name = CHARSETS.get(text)
    if name is None and (match := _ISO_8859.fullmatch(text)):
        name = f"iso8859-{match[1]}"
    try:
        return None if name is None else codecs.lookup(name).name
    except LookupError:
        return None


def choose_codec(declared: str, data: bytes) -> tuple[str, str | None]:
    """Return the codec that decodes the whole message, and the code of a doubt.

    A message of plain ASCII is read by whatever it declares, which counts for its hexadecimal sequences.
    """
    name = codec_name(declared)
    wide = name is not None and name.startswith(("utf-16", "utf-32"))  # its delimiters would be wide too
    if data.isascii():
        return "ascii" if name is None or wide else name, None if name is not None else "HL7-109"
    for candidate in FALLBACKS if name is None or wide else (name, *FALLBACKS):
        try:
            data.decode(candidate)
        except UnicodeDecodeError:
            continue
        return candidate, None if candidate == name else "HL7-110"
    raise AssertionError("latin-1 decodes any octets")
