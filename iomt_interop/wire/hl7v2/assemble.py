"""From named fields back to ER7: the half that reading XML and reading JSON have in common."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from ...errors import LimitExceeded, MalformedInput
from .charset import codec_name
from .delimiters import read_delimiters
from .escapes import escape
from .message import Message, TextSyntax
from .parse import parse

__all__ = ["MAX_NUMBER", "Assembly", "Leaf", "Tree"]

Leaf = list[tuple[str, bool]]
"""Pieces of a leaf's text, as :func:`iomt_interop.wire.hl7v2.elements.tokens` gives them."""

Tree = Leaf | dict[int, "Tree"]
"""A leaf, or numbered parts one level below."""

MAX_NUMBER: Final = 1 << 20
"""Highest number of a field or component."""

_MOST_EMPTY: Final = 1 << 24
"""Of all empty parts together that numbers ask for."""

_ID: Final = re.compile(r"[A-Z][A-Z0-9]{2}")
_OCTETS: Final = re.compile(r"X(?:[0-9A-F]{2})+")
_BODY: Final = re.compile(r"[^\r\n]{1,512}")


@dataclass
class Assembly:
    """Collects segments and writes them with the delimiters of the header among them."""

    lines: list[str] = field(default_factory=list)
    _syntax: TextSyntax | None = None
    _charset: str = "ascii"
    _empty: int = 0

    def line(self, text: str) -> None:
        """Add a line that is no segment, as it is."""
        self.lines.append(text.replace("\r", " "))

    def segment(self, name: str, fields: dict[int, list[Tree]]) -> None:
        """Add a segment: repetitions by the number of their field.

        Raises
        ------
        MalformedInput
            ``HL7-401`` when a name, a number or the header is none.
        LimitExceeded
            ``HL7-402`` when numbers ask for more empty parts than the limit.
        """
        if not _ID.fullmatch(name):
            raise MalformedInput("HL7-401")
        is_header = name in ("MSH", "FHS", "BHS")
        if is_header:
            self._header(name, fields)
        syntax = self._syntax
        if syntax is None:
            raise MalformedInput("HL7-401", path=name, hint="the header comes first")
        parts = {
            n: syntax.repetition.join(self._part(r, 0) for r in rs)
            for n, rs in fields.items()
            if not is_header or n > 2
        }
        head = name
        if is_header:
            head += syntax.field + _flat(fields.get(2, []))
            if name == "MSH":
                self._charset = _flat(fields.get(18, []))
        first = 2 if is_header else 0
        self.lines.append(self._joined(parts, syntax.field, first, head))

    def message(self) -> Message:
        """Return the message, in the character set of its MSH-18.

        Raises
        ------
        MalformedInput
            ``HL7-111`` when that cannot write the text.
        """
        text = "".join(line + "\r" for line in self.lines)
        name = codec_name(self._charset)
        if text.isascii() or name is None or name == "ascii":
            return parse(text)
        if name.startswith(("utf-16", "utf-32")):  # its delimiters are wide; a byte-order mark tells the parser
            text, name = "\ufeff" + text, name[:6] + "-le"
        try:
            return parse(text.encode(name))
        except UnicodeEncodeError:
            raise MalformedInput("HL7-111", path="MSH-18") from None

    def _header(self, name: str, fields: dict[int, list[Tree]]) -> None:
        first, second = _flat(fields.get(1, [])), _flat(fields.get(2, []))
        head = f"{name}{first}{second}{first}".encode("utf-8", "replace")
        if len(first.encode("utf-8", "replace")) != 1 or first.isalnum() or first.isspace() or first in second:
            raise MalformedInput("HL7-401", path=f"{name}-1")
        if not re.fullmatch(r"[^\r\n]*", second):
            raise MalformedInput("HL7-401", path=f"{name}-2")
        found, _ = read_delimiters(head, 0)
        texts = (mark.decode("utf-8", "replace") for mark in found[:5])
        separator, component, repetition, mark, subcomponent = texts
        if self._syntax is not None and first != self._syntax.field:
            raise MalformedInput("HL7-401", path=f"{name}-1")
        if self._syntax is None:  # a message is split by its first header
            self._syntax = TextSyntax(separator, repetition, component, subcomponent, mark, "utf-8")

    def _part(self, tree: Tree, level: int) -> str:
        assert self._syntax is not None
        if isinstance(tree, list):
            return self._leaf(tree)
        mark = (self._syntax.component, self._syntax.subcomponent)[level] if level < 2 else ""
        if not mark and tree.keys() == {1}:
            return self._part(tree[1], level + 1)
        if not mark:
            raise MalformedInput("HL7-401", hint="nested deeper than the delimiters allow")
        return self._joined({number: self._part(below, level + 1) for number, below in tree.items()}, mark, 0, "")

    def _joined(self, parts: dict[int, str], mark: str, first: int, head: str) -> str:
        """Put numbered parts to their places."""
        last = max(parts, default=first)
        self._empty += last
        if last > MAX_NUMBER or self._empty > _MOST_EMPTY:
            raise LimitExceeded("HL7-402")
        pieces: list[str] = []
        at = first + 1
        for number in sorted(parts):
            pieces += (mark * (number - at), parts[number])
            at = number
        joined = "".join(pieces)
        return head + mark + joined if head and (parts or first) else head + joined

    def _leaf(self, pieces: Leaf) -> str:
        assert self._syntax is not None
        mark, written = self._syntax.escape, []
        for text, is_sequence in pieces:
            if is_sequence and not mark and _OCTETS.fullmatch(text):  # only how XML carries a control character
                written.append(bytes.fromhex(text[1:]).decode(codec_name(self._charset) or "utf-8", "replace"))
            elif is_sequence:
                if not mark or not _BODY.fullmatch(text) or any(each and each in text for each in self._syntax[:5]):
                    raise MalformedInput("HL7-401", hint="an escape sequence")
                written.append(f"{mark}{text}{mark}")
            elif not mark and any(each and each in text for each in (*self._syntax[:4], "\r", "\n")):
                raise MalformedInput("HL7-401", hint="there is no escape character to write the text with")
            else:
                written.append(escape(text, self._syntax))
        return "".join(written)


def _flat(repetitions: list[Tree]) -> str:
    """Return the text of a field's first leaf, with the control characters that XML carries as sequences."""
    tree: Tree = repetitions[0] if repetitions else []
    while isinstance(tree, dict):
        tree = tree.get(1, [])
    return "".join(
        bytes.fromhex(text[1:]).decode("latin-1") if is_sequence and _OCTETS.fullmatch(text) else text
        for text, is_sequence in tree
    )
