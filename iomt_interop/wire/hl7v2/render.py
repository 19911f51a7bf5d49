r"""Formatted text to plain text: what ``\.br\``, ``\.sp\``, ``\.in\`` and their like draw (HL7 v2.8 ch. 2.7.6)."""

from __future__ import annotations

import re
from typing import Final

from .escapes import Sequence, Syntax, Vendor, sequences, unescape

__all__ = ["render"]

_COMMAND: Final = re.compile(r"\.([a-z]{2}) ?([+-]?)([0-9]*)")
_MOST: Final = 99
"""More lines, blanks or columns are not drawn by one command."""
_WIDTH: Final = 80


class _Page:
    """Lines while they are drawn."""

    def __init__(self, width: int | None) -> None:
        self.lines: list[str] = []
        self.width = width
        self.line = ""
        self.margin = 0
        self.once: int | None = None
        self.fill = True
        self.centre = False

    def put(self, text: str) -> None:
        """Draw text, which may hold line ends of its own."""
        first, *others = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        self.line += first
        for each in others:
            self.end()
            self.line = each

    def end(self) -> None:
        """End the line: indent or centre it, and fold it where a width was asked for."""
        indent = self.margin if self.once is None else self.once
        for text in self._folded(indent):
            if self.centre:
                self.lines.append(text.strip().center(self.width or _WIDTH).rstrip())
            else:
                self.lines.append(" " * indent + text if text else "")
            indent = self.margin
        self.line, self.once, self.centre = "", None, False

    def _folded(self, indent: int) -> list[str]:
        if self.width is None or not self.fill:
            return [self.line]
        lines: list[str] = []
        text = self.line
        while len(text) > (room := max(1, self.width - indent)):
            at = text.rfind(" ", 1, room + 1)
            at = room if at < 1 else at
            lines.append(text[:at].rstrip())
            text = text[at:].lstrip(" ")
            indent = self.margin
        return [*lines, text]

    def obey(self, name: str, sign: str, digits: str) -> None:
        """Follow one formatting command."""
        number = min(int(digits), _MOST) if digits else None
        if name in ("br", "sp"):
            for _ in range(1 if name == "br" or number is None else max(1, number)):
                self.end()
        elif name == "sk":
            self.line += " " * (1 if number is None else number)
        elif name in ("in", "ti"):
            step = number or 0
            base = self.margin if sign else 0
            place = min(max(0, base - step if sign == "-" else base + step), _MOST)
            if name == "in":
                self.margin = place
            else:
                self.once = place
        elif name in ("fi", "nf"):
            self.fill = name == "fi"
        elif name == "ce":
            if self.line:
                self.end()
            self.centre = True


def render(
    text: str,
    syntax: Syntax,
    *,
    width: int | None = None,
    highlight: tuple[str, str] = ("", ""),
    vendor: Vendor | None = None,
) -> str:  # fmt: skip
    r"""Return the text of a leaf as it is meant to be read (FT, TX).

    Parameters
    ----------
    text : str
        As it is written, for instance ``message.decode(part.raw)``.
    syntax : Syntax
        Delimiters and character set of the message.
    width : int, optional
        Fold longer lines, where the text does not forbid it with ``\.nf\``; also what ``\.ce\`` centres in.
    highlight : tuple of str, optional
        What to write for ``\H\`` and ``\N\``.
    vendor : callable, optional
        As for :func:`unescape`.

    Examples
    --------
    >>> from iomt_interop.wire import hl7v2
    >>> message = hl7v2.parse("MSH|^~\\&|A\rNTE|1||Result\\.br\\\\.in+2\\\\H\\high\\N\\ \\T\\ rising\r")
    >>> hl7v2.render(message.decode(message.get("NTE-3").raw), message.syntax, highlight=("*", "*"))
    'Result\n  *high* & rising'
    """
    mark = syntax.escape
    page = _Page(width)
    at = 0
    drawn = (each for each in sequences(text, mark) if each.kind in ".H") if mark else iter(())
    for each in drawn:
        page.put(unescape(text[at : each.start], syntax, vendor=vendor))
        at = each.stop
        _draw(page, each, highlight)
    page.put(unescape(text[at:], syntax, vendor=vendor))
    page.end()
    return "\n".join(page.lines)


def _draw(page: _Page, each: Sequence, highlight: tuple[str, str]) -> None:
    if each.kind == "H":
        page.put(highlight[each.body == "N"])
    elif match := _COMMAND.fullmatch(each.body):
        page.obey(match[1], match[2], match[3])
