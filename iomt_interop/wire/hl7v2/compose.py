r"""Text to segments: the inverse of splitting, in the standard's own delimiters ``|^~\&``.

Whatever text is given, what comes out splits back into it: delimiters, control characters and the two quotes
that would be the explicit null are escaped (HL7 v2.8 ch. 2.7). Nothing here knows what a field means.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from .message import NULL, TextSyntax

__all__ = [
    "SYNTAX",
    "components",
    "fill",
    "is_verbatim",
    "leaf",
    "message",
    "repetitions",
    "segment",
    "subcomponents",
]

SYNTAX: Final = TextSyntax("|", "~", "^", "&", "\\", "utf-8")
"""The delimiters that are written, and the character set of MSH-18 ``UNICODE UTF-8``."""

_DELIMITERS: Final = {"\\": "\\E\\", "|": "\\F\\", "^": "\\S\\", "&": "\\T\\", "~": "\\R\\"}
_TABLE: Final = str.maketrans(_DELIMITERS | {chr(n): f"\\X{n:02X}\\" for n in (*range(32), 127)})
_SPECIAL: Final = re.compile(r"[\\|^&~\x00-\x1f\x7f]")
_FORMATTING: Final = re.compile(r"\\(?:\.(?:br|fi|nf|ce|(?:sp|sk|in|ti)[ +-]?[0-9]{0,3})|H|N)\\")
_NULL_TEXT: Final = "\\X2222\\"
_LEVELS: Final = ("~", "^", "&")


def leaf(text: str | None, *, formatted: bool = False) -> str:
    r"""Return a text as one leaf of a field.

    Parameters
    ----------
    text : str or None
        ``None`` is an empty leaf.
    formatted : bool
        Whether formatting sequences (``\.br\``, ``\H\``) are meant as such, as in FT and TX.

    Examples
    --------
    >>> from iomt_interop.wire.hl7v2.compose import leaf
    >>> leaf("5 & 6")
    '5 \\T\\ 6'
    """
    if not text:
        return ""
    if not _SPECIAL.search(text):
        return _NULL_TEXT if text == NULL else text
    if not formatted:
        return text.translate(_TABLE)
    parts, at = [], 0
    for match in _FORMATTING.finditer(text):
        parts += [text[at : match.start()].translate(_TABLE), match[0]]
        at = match.end()
    return "".join(parts) + text[at:].translate(_TABLE)


def _join(mark: str, parts: Iterable[str]) -> str:
    return mark.join(parts).rstrip(mark)


def components(*parts: str) -> str:
    """Join composed components; empty ones at the end are left out."""
    return _join("^", parts)


def subcomponents(*parts: str) -> str:
    """Join composed subcomponents; empty ones at the end are left out."""
    return _join("&", parts)


def repetitions(parts: Iterable[str]) -> str:
    """Join composed repetitions; all of them count, but for empty ones at the end."""
    return _join("~", parts)


def segment(name: str, fields: Mapping[int, str]) -> str:
    """Return a segment from composed fields by number, without its terminator; ``MSH-1`` is the separator itself."""
    start = 2 if name in ("MSH", "FHS", "BHS") else 1
    row = [name, *[""] * (max(fields, default=0) - start + 1)]
    for number, text in fields.items():
        if number >= start:
            row[number - start + 1] = text
    return "|".join(row).rstrip("|")


def message(segments: Sequence[str]) -> bytes:
    """Return the octets of a message: every segment ends with a carriage return (2.5.2)."""
    return "".join(f"{text}\r" for text in segments).encode("utf-8")


def is_verbatim(text: str) -> bool:
    """Tell whether a text can stand in a field as it is: it ends neither the field nor the segment."""
    return "|" not in text and text.isprintable()


def fill(field: str, steps: Sequence[int], raw: str) -> str | None:
    """Put a verbatim text into an empty place of a composed field.

    Parameters
    ----------
    field : str
        The composed field.
    steps : sequence of int
        Repetition, component and subcomponent from 1, as many of them as the place has.
    raw : str
        The text, escapes and all.

    Returns
    -------
    str or None
        The field; ``None`` when something else stands in the place, or it is so far behind that only a mistake
        leads there.
    """
    return _fill(field, tuple(steps), raw, 0)


def _fill(text: str, steps: tuple[int, ...], raw: str, level: int) -> str | None:
    if not steps:
        return raw if text in ("", raw) else None
    if not 0 < steps[0] <= 200:
        return None
    parts = text.split(_LEVELS[level])
    parts += [""] * (steps[0] - len(parts))
    filled = _fill(parts[steps[0] - 1], steps[1:], raw, level + 1)
    if filled is None:
        return None
    parts[steps[0] - 1] = filled
    return _LEVELS[level].join(parts)
