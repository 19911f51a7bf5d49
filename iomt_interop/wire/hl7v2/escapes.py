r"""Escape sequences (HL7 v2.8 ch. 2.7). Unknown and unterminated ones stay as they are: nothing is dropped."""

from __future__ import annotations

import binascii
from typing import Protocol

__all__ = ["Syntax", "escape", "unescape"]


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


def unescape(text: str, syntax: Syntax) -> str:
    r"""Resolve escape sequences of one leaf; split before you unescape.

    ``\F\ \S\ \T\ \R\ \E\`` become the delimiters, ``\P\`` the truncation character ``#``, ``\Xdd..\`` the octets in
    the message's character set. Everything else (formatting as ``\.br\``, highlighting as ``\H\``, switches of the
    character set, ``\Z..\``, what is unknown, odd or unterminated) stays verbatim.
    """
    mark = syntax.escape
    if not mark or mark not in text:
        return text
    plain = {
        "F": syntax.field,
        "S": syntax.component,
        "T": syntax.subcomponent,
        "R": syntax.repetition,
        "E": mark,
        "P": "#",
    }
    parts: list[str] = []
    at = 0
    while (begin := text.find(mark, at)) >= 0:
        end = text.find(mark, begin + len(mark))
        if end < 0:
            break
        body = text[begin + len(mark) : end]
        value = plain.get(body) or _hexadecimal(body, syntax.charset)
        if value is None:
            # Not a sequence: the second mark may begin one of its own, so only the first is passed over,
            # except for the known kinds, which are passed over whole.
            step = end + len(mark) if _is_formatting(body) else end
            parts.append(text[at:step])
            at = step
        else:
            parts.append(text[at:begin] + value)
            at = end + len(mark)
    parts.append(text[at:])
    return "".join(parts)


def escape(text: str, syntax: Syntax) -> str:
    r"""Replace the delimiters of a text by their sequences; line ends become ``\X0D\`` and ``\X0A\``."""
    mark = syntax.escape
    if not mark:
        return text
    table: dict[str, str | int | None] = {
        mark: f"{mark}E{mark}",
        syntax.field: f"{mark}F{mark}",
        syntax.component: f"{mark}S{mark}",
        syntax.subcomponent: f"{mark}T{mark}",
        syntax.repetition: f"{mark}R{mark}",
        "\r": f"{mark}X0D{mark}",
        "\n": f"{mark}X0A{mark}",
    }
    table.pop("", None)
    return text.translate(str.maketrans(table))


def _hexadecimal(body: str, charset: str) -> str | None:
    """Decode ``Xdd..``; a body of odd length is one octet short and stays as it is."""
    if len(body) < 3 or body[0] != "X" or not body.isascii():
        return None
    try:
        return binascii.unhexlify(body[1:]).decode(charset or "ascii")
    except (ValueError, UnicodeDecodeError):
        return None


def _is_formatting(body: str) -> bool:
    """Tell whether the body is of a known kind of sequence that is kept verbatim."""
    return body in ("H", "N") or (body[:1] in (".", "C", "M", "Z", "X") and 1 < len(body) <= 64 and " " not in body[:1])
