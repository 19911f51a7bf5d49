r"""Escape sequences (HL7 v2.8 ch. 2.7). Unknown and unterminated ones stay as they are: nothing is dropped."""

from __future__ import annotations

import binascii
import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Final, NamedTuple, Protocol

from .iso2022 import DESIGNATIONS, MIXED, decode_designated

__all__ = ["Sequence", "Syntax", "Vendor", "escape", "is_clean", "resolves", "respell", "sequences", "unescape"]

Vendor = Callable[[str], str | None]
r"""What a site makes of its own ``\Z..\`` sequence, given without the marks; ``None`` keeps it verbatim."""


class Syntax(Protocol):
    """Delimiters as text, and the codec of hexadecimal sequences."""

    @property
    def field(self) -> str:
        """Field separator."""

    @property
    def component(self) -> str:
        """Component separator."""

    @property
    def repetition(self) -> str:
        """Repetition separator."""

    @property
    def escape(self) -> str:
        """Escape character; empty for none."""

    @property
    def subcomponent(self) -> str:
        """Subcomponent separator."""

    @property
    def charset(self) -> str:
        r"""Python's codec for ``\X..\``."""


class Sequence(NamedTuple):
    """One escape sequence: its place with both marks, what is between them, and its kind."""

    start: int
    stop: int
    body: str
    kind: str
    """``D`` delimiter, ``X`` octets, ``C`` character set, ``Z`` local, ``H`` highlighting, ``.`` formatting, ``?``."""


_HEX: Final = re.compile(r"X(?:[0-9A-Fa-f]{2})+")
_SWITCH: Final = re.compile(r"C[0-9A-Fa-f]{4}|M[0-9A-Fa-f]{4}(?:[0-9A-Fa-f]{2})?")
_FORMAT: Final = re.compile(r"\.(?:br|ce|fi|nf|(?:sp|in|ti|sk) ?(?:[+-]?[0-9]{1,4})?)")
_LONGEST: Final = 64
"""Of an unknown body; a longer one is text between two lost marks."""


def _kind(body: str) -> str:
    if body in ("F", "S", "T", "R", "E", "P"):
        return "D"
    if body in ("H", "N"):
        return "H"
    first = body[:1]
    if first == "X" and _HEX.fullmatch(body):
        return "X"
    if first in ("C", "M") and _SWITCH.fullmatch(body):
        return "C"
    if first == "Z" and 1 < len(body) <= _LONGEST:
        return "Z"
    if first == "." and _FORMAT.fullmatch(body):
        return "."
    return "?"


def sequences(text: str, mark: str) -> Iterator[Sequence]:
    """Yield the escape sequences of one leaf; kind ``?`` for what is unknown or has no end.

    Of what looks like a sequence of no known kind only the first mark is passed over: the second may begin another.
    A body that begins as a known kind does, but is odd, is passed over whole.
    """
    at = 0
    while (begin := text.find(mark, at)) >= 0:
        end = text.find(mark, begin + len(mark))
        if end < 0:
            yield Sequence(begin, len(text), text[begin + len(mark) :], "?")
            return
        body = text[begin + len(mark) : end]
        kind = _kind(body)
        whole = kind != "?" or (body[:1] in (".", "C", "M", "Z", "X") and 1 < len(body) <= _LONGEST)
        at = end + len(mark) if whole else end
        yield Sequence(begin, at, body, kind)


def is_clean(text: str, mark: str) -> bool:
    """Tell whether every mark belongs to a sequence that the standard knows."""
    return not mark or mark not in text or all(found.kind != "?" for found in sequences(text, mark))


def resolves(text: str, syntax: Syntax) -> bool:
    """Tell whether octets and switches of a leaf stand for characters of sets that are known."""
    found = list(sequences(text, syntax.escape)) if syntax.escape and syntax.escape in text else []
    if any(each.kind == "C" for each in found):
        return _designated(text, found, syntax, None) is not None
    runs: list[list[bytes]] = []
    stop = -1
    for each in found:
        if each.kind == "X":
            if each.start != stop:
                runs.append([])
            runs[-1].append(binascii.unhexlify(each.body[1:]))
            stop = each.stop
    charset = syntax.charset
    return all(
        _decoded(b"".join(run), charset) is not None or all(_decoded(one, charset) is not None for one in run)
        for run in runs
    )


def unescape(text: str, syntax: Syntax, *, vendor: Vendor | None = None) -> str:
    r"""Resolve the escape sequences of one leaf; split before you unescape.

    ``\F\ \S\ \T\ \R\ \E\`` become the delimiters, ``\P\`` the truncation character, ``\Xdd..\`` the octets in the
    message's character set (adjacent ones together, so that a character may be spread over several). ``\Cxxyy\`` and
    ``\Mxxyyzz\`` designate another set, as ESC does in ISO 2022, up to the end of the leaf. Formatting as ``\.br\``,
    highlighting as ``\H\``, and what is unknown, odd or unterminated, stays verbatim; :func:`render` draws formatting.

    Parameters
    ----------
    text : str
        As it is written.
    syntax : Syntax
        Delimiters and character set of the message.
    vendor : callable, optional
        Asked for the meaning of each ``\Z..\``, which the standard leaves to the site.
    """
    mark = syntax.escape
    if not mark or mark not in text:
        return text
    found = list(sequences(text, mark))
    if any(each.kind == "C" or (each.kind == "X" and _switches(each, syntax.charset)) for each in found):
        switched = _designated(text, found, syntax, vendor)
        if switched is not None:
            return switched
    parts: list[str] = []
    at = number = 0
    while number < len(found):
        each = found[number]
        number += 1
        run = [each]
        if each.kind == "X":
            while number < len(found) and found[number].kind == "X" and found[number].start == run[-1].stop:
                run.append(found[number])
                number += 1
        parts += (text[at : each.start], _value(text, run, syntax, vendor))
        at = run[-1].stop
    parts.append(text[at:])
    return "".join(parts)


def _switches(each: Sequence, charset: str) -> bool:
    """Tell whether octets hold an ESC that designates a set; decoded alone it would leave nothing behind."""
    return charset.startswith(("iso2022", MIXED)) and b"\x1b" in binascii.unhexlify(each.body[1:])


def _value(text: str, run: list[Sequence], syntax: Syntax, vendor: Vendor | None) -> str:
    """Return what a sequence, or a run of hexadecimal ones, stands for; itself when it stands for nothing."""
    each = run[0]
    if each.kind == "X":
        octets = [binascii.unhexlify(one.body[1:]) for one in run]
        joined = _decoded(b"".join(octets), syntax.charset)
        if joined is not None:
            return joined
        found = (_decoded(octet, syntax.charset) for octet in octets)
        return "".join(text[s.start : s.stop] if f is None else f for s, f in zip(run, found, strict=True))
    value: str | None = None
    if each.kind == "D":
        value = _delimiters(syntax)[each.body]
    elif each.kind == "Z" and vendor is not None:
        value = vendor(each.body)
    return text[each.start : each.stop] if value is None else value


def _decoded(octets: bytes, charset: str) -> str | None:
    try:
        return octets.decode(charset or "ascii")
    except UnicodeDecodeError:
        return None


def _truncation(syntax: Syntax) -> str:
    """Return the truncation character; not every syntax that is handed in knows of one."""
    found: str = getattr(syntax, "truncation", "")
    return found


def _delimiters(syntax: Syntax) -> dict[str, str]:
    return {
        "F": syntax.field,
        "S": syntax.component,
        "T": syntax.subcomponent,
        "R": syntax.repetition,
        "E": syntax.escape,
        "P": _truncation(syntax) or "#",
    }


def _designated(text: str, found: list[Sequence], syntax: Syntax, vendor: Vendor | None) -> str | None:
    """Resolve a leaf that switches its character set: everything is octets again until the leaf ends.

    ``None`` for a set that is not known, or octets that are not of it; then no switch of the leaf is followed.
    """
    charset = syntax.charset or "ascii"
    pieces: list[bytes | str] = []
    at = 0
    try:
        for each in found:
            pieces.append(text[at : each.start].encode(charset))
            at = each.stop
            if each.kind == "C":
                set_name = binascii.unhexlify(each.body[1:])
                if set_name not in DESIGNATIONS:
                    return None
                pieces.append(b"\x1b" + set_name)
            elif each.kind == "X":
                pieces.append(binascii.unhexlify(each.body[1:]))
            else:
                value = _value(text, [each], syntax, vendor)
                pieces.append(value.encode(charset) if each.kind == "D" else value)
        pieces.append(text[at:].encode(charset))
        return decode_designated(pieces, charset)
    except UnicodeError:
        return None


@lru_cache(maxsize=64)
def _table(marks: tuple[str, ...]) -> dict[int, str]:
    """Return what replaces which character, for delimiters in the order of :func:`escape`."""
    mark = marks[0]
    names = zip(("E", "F", "S", "T", "R", "P", "X0D", "X0A"), (*marks, "\r", "\n"), strict=True)
    return {ord(character): f"{mark}{name}{mark}" for name, character in names if len(character) == 1}


def escape(text: str, syntax: Syntax) -> str:
    r"""Replace the delimiters of a text by their sequences; line ends become ``\X0D\`` and ``\X0A\``.

    So is the truncation character where the message declares one: at the end of a text it would say that there was
    more of it (ch. 2.5.5.2).
    """
    mark = syntax.escape
    if not mark:
        return text
    marks = (mark, syntax.field, syntax.component, syntax.subcomponent, syntax.repetition, _truncation(syntax))
    return text.translate(_table(marks))


def respell(text: str, old: Syntax, new: Syntax) -> str:
    r"""Write a verbatim text of one message with the delimiters of another.

    Delimiters become those of the other message. An escaped delimiter is a character of the text, so it stays that
    character: escaped where it is a delimiter there too, plain otherwise.
    """
    before = (old.escape, old.field, old.component, old.subcomponent, old.repetition)
    after = (new.escape, new.field, new.component, new.subcomponent, new.repetition)
    if before == after:
        return text
    table: dict[int, str] = {}
    if new.escape:
        for name, mark in zip("EFSTR", after, strict=True):
            table |= {ord(mark): f"{new.escape}{name}{new.escape}"} if len(mark) == 1 else {}
    literal = dict(table)
    lost = table | {ord(a): b for a, b in zip(before[1:], after[1:], strict=True) if len(a) == 1}
    table = lost | ({ord(old.escape): new.escape} if len(old.escape) == 1 else {})
    plain = _delimiters(old)
    parts: list[str] = []
    at = 0
    for each in sequences(text, old.escape) if old.escape else ():
        parts.append(text[at : each.start].translate(table))
        if each.kind == "D" and each.body != "P":
            parts.append(plain[each.body].translate(literal))
        else:  # a mark of no sequence is a character of the text too
            parts.append(text[each.start : each.stop].translate(lost if each.kind == "?" else table))
        at = each.stop
    parts.append(text[at:].translate(table))
    return "".join(parts)
