"""HL7 v2 in XML (HL7 Version 2: XML Encoding Syntax, Release 2; namespace ``urn:hl7-org:v2xml``), both ways.

Groups are elements (``ORU_R01.PATIENT_RESULT``), fields ``PID.3``, components by their data type ``CX.1``; a sequence
that stays one (formatting, highlighting, character sets) is ``<escape V=".br"/>``. What the encoding has no name for is
kept all the same: components of what is no composite are ``UNKNOWN.1``, a line that is no segment is ``UNKNOWN``.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, cast

from ...errors import LimitExceeded, MalformedInput
from .assemble import Assembly, Leaf, Tree
from .elements import UNKNOWN, Element, elements, tokens
from .message import Message, Part
from .structure import Definitions, Group, structure

if TYPE_CHECKING:
    from lxml.etree import _Element


__all__ = ["MAX_XML", "NAMESPACE", "from_xml", "to_xml"]

NAMESPACE: Final = "urn:hl7-org:v2xml"
"""Of every element."""

MAX_XML: Final = 1 << 28
"""Longest document in octets."""

_SEGMENT: Final = re.compile(r"[A-Z][A-Z0-9]{2}")
_NUMBERED: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,31}\.([1-9]\d{0,6})")
_DEEPEST: Final = 32
# What XML 1.0 cannot carry, and CR, which every reader of XML turns into LF.
_UNWRITABLE: Final = re.compile("[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def to_xml(message: Message) -> bytes:
    r"""Return the XML encoding of a message, in UTF-8.

    Examples
    --------
    >>> from iomt_interop.wire import hl7v2
    >>> from iomt_interop.wire.hl7v2.xml import to_xml
    >>> document = to_xml(hl7v2.parse(b"MSH|^~\\&|||||||ACK|1|P|2.6\rMSA|AA|7\r"))
    >>> b"<MSA><MSA.1>AA</MSA.1><MSA.2>7</MSA.2></MSA>" in document
    True
    """
    from lxml import etree  # noqa: PLC0415 - only XML needs it

    found = structure(message)
    root = etree.Element(_tag(found.name or UNKNOWN), nsmap=cast("dict[str, str]", {None: NAMESPACE}))
    _write_group(root, found.root, found.resolution.definitions)
    data: bytes = etree.tostring(root, encoding="UTF-8", xml_declaration=True)
    return data


def from_xml(data: bytes) -> Message:
    """Return the message that an XML encoding stands for. Its delimiters must be ASCII characters.

    Raises
    ------
    MalformedInput
        ``HL7-403`` when it is not XML or has a document type declaration, ``HL7-401`` when it is not this encoding,
        ``HL7-111`` when its MSH-18 names a character set that cannot write it.
    LimitExceeded
        ``HL7-402`` when it is longer, deeper or wider than the limits.
    """
    from lxml import etree  # noqa: PLC0415 - only XML needs it

    if len(data) > MAX_XML:
        raise LimitExceeded("HL7-402", span=(0, len(data)))
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, remove_comments=True, remove_pis=True, huge_tree=False
    )
    try:
        root = etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError):
        raise MalformedInput("HL7-403") from None
    if cast("Any", root.getroottree().docinfo).doctype:
        raise MalformedInput("HL7-403", hint="a document type declaration is refused")
    assembly = Assembly()
    _read_group(root, assembly, 0)
    return assembly.message()


def _tag(name: str) -> str:
    return f"{{{NAMESPACE}}}{name}"


def _local(element: _Element) -> str:
    tag = str(element.tag)
    return tag.rpartition("}")[2]


def _write_group(parent: _Element, group: Group, tables: Definitions) -> None:
    from lxml.etree import SubElement  # noqa: PLC0415

    for child in group:
        if isinstance(child, Group):
            _write_group(SubElement(parent, _tag(child.name)), child, tables)
        elif child.name == "?":
            raw = bytes(child.segment)
            _write_text(
                SubElement(parent, _tag(UNKNOWN)), [(child.segment.message.decode(raw), False)], child.segment.message
            )
        else:
            place = SubElement(parent, _tag(child.name))
            for element in elements(child.segment, tables):
                _write_element(place, element)


def _write_element(parent: _Element, element: Element) -> None:
    from lxml.etree import SubElement  # noqa: PLC0415

    place = SubElement(parent, _tag(element.name))
    if element.children is None:
        part: Part = element.part
        level_is_fixed = element.name in ("MSH.1", "MSH.2", "FHS.1", "FHS.2", "BHS.1", "BHS.2")
        pieces = [(part.message.decode(part.raw), False)] if level_is_fixed else tokens(part)
        _write_text(place, pieces, part.message)
    else:
        for child in element.children:
            _write_element(place, child)


def _write_text(place: _Element, pieces: Leaf, message: Message) -> None:
    """Write a leaf; characters that XML cannot carry become hexadecimal sequences."""
    from lxml.etree import SubElement  # noqa: PLC0415

    last: _Element | None = None

    def text(value: str) -> None:
        if last is None:
            place.text = (place.text or "") + value
        else:
            last.tail = (last.tail or "") + value

    for value, is_sequence in pieces:
        at = 0
        for match in () if is_sequence else _UNWRITABLE.finditer(value):
            text(value[at : match.start()])
            last = SubElement(place, _tag("escape"), V=_hexadecimal(match[0], message.syntax.charset))
            at = match.end()
        if is_sequence:
            last = SubElement(place, _tag("escape"), V=_UNWRITABLE.sub("?", value))
        else:
            text(value[at:])


def _hexadecimal(character: str, charset: str) -> str:
    return "X" + character.encode(charset, "replace").hex().upper()


def _read_group(element: _Element, assembly: Assembly, depth: int) -> None:
    if depth > _DEEPEST:
        raise LimitExceeded("HL7-402")
    for child in element:
        name = _local(child)
        if name == UNKNOWN:
            assembly.line("".join(_undone(piece) for piece in _leaf(child)))
        elif _SEGMENT.fullmatch(name):
            fields: dict[int, list[Tree]] = {}
            for part in child:
                fields.setdefault(_number(part), []).append(_tree(part, 0))
            assembly.segment(name, fields)
        elif "." in name:
            _read_group(child, assembly, depth + 1)
        else:
            raise MalformedInput("HL7-401")


def _undone(piece: tuple[str, bool]) -> str:
    r"""Return a piece of a line that is no segment, where only unwritable characters were made sequences."""
    text, is_sequence = piece
    return (
        bytes.fromhex(text[1:]).decode("latin-1") if is_sequence and re.fullmatch("X(?:[0-9A-F]{2})+", text) else text
    )


def _number(element: _Element) -> int:
    match = _NUMBERED.fullmatch(_local(element))
    if match is None:
        raise MalformedInput("HL7-401")
    return int(match[1])


def _tree(element: _Element, depth: int) -> Tree:
    """Read a field, component or subcomponent: text, or numbered parts."""
    parts = [child for child in element if _local(child) != "escape"]
    if not parts:
        return _leaf(element)
    if depth > 1 or len(parts) != len(element) or (element.text or "").strip():
        raise MalformedInput("HL7-401")
    found: dict[int, Tree] = {_number(child): _tree(child, depth + 1) for child in parts}
    if len(found) < len(parts):
        raise MalformedInput("HL7-401", hint="a component stands twice")
    return found


def _leaf(element: _Element) -> Leaf:
    pieces: Leaf = [(element.text or "", False)]
    for child in element:
        if len(child):
            raise MalformedInput("HL7-401")
        pieces += [(child.get("V") or "", True), (child.tail or "", False)]
    return [piece for piece in pieces if piece[0]]
