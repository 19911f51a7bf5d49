r"""HL7 v2 in JSON, both ways. HL7 defines no such encoding; this is the form that this library writes and reads.

.. code-block:: json

    {"structure": "ORU_R01", "version": "2.6", "content": [
      {"segment": "MSH", "fields": {"1": ["|"], "2": ["^~\\&"], "9": [{"1": "ORU", "2": "R01"}]}},
      {"group": "ORU_R01.PATIENT_RESULT", "content": [
        {"segment": "PID", "fields": {"3": [{"1": "17", "4": {"1": "HOSP"}}, {"1": "4711"}], "8": [null]}}]}]}

``content`` is in the order of the message. A field is the list of its repetitions; a repetition is text or an object
of components, a component text or an object of subcomponents, all by their numbers from 1; what is empty is left out,
but for repetitions (``""``) before others. Explicit null is ``null``. Text is unescaped; a leaf with sequences that
stay sequences is a list, ``["a", {"escape": ".br"}, "b"]``. A line that is no segment is ``{"line": "..."}``. On
reading, groups only nest: their names, the structure and the version are not looked at, MSH says them.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final

from ...errors import LimitExceeded, MalformedInput
from .assemble import Assembly, Leaf, Tree
from .elements import Element, elements, tokens
from .message import NULL, Message
from .structure import Definitions, Group, structure

__all__ = ["MAX_JSON", "from_json", "to_json"]

MAX_JSON: Final = 1 << 28
"""Longest text in octets."""

_NUMBER: Final = re.compile(r"[1-9]\d{0,6}")
_DEEPEST: Final = 32


def to_json(message: Message) -> bytes:
    r"""Return the JSON form of a message, in UTF-8.

    Examples
    --------
    >>> from iomt_interop.wire import hl7v2
    >>> from iomt_interop.wire.hl7v2.json import to_json
    >>> to_json(hl7v2.parse(b"MSH|^~\\&|||||||ACK|1|P|2.6\rMSA|AA|7\r"))[-51:]
    b'{"segment":"MSA","fields":{"1":["AA"],"2":["7"]}}]}'
    """
    found = structure(message)
    tables = found.resolution.definitions
    document = {"structure": found.name, "version": tables.version, "content": _group(found.root, tables)}
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode("utf-8")


def from_json(data: bytes) -> Message:
    """Return the message that a JSON form stands for. Its delimiters must be ASCII characters.

    Raises
    ------
    MalformedInput
        ``HL7-404`` when it is not JSON, or an object names a key twice; ``HL7-401`` when it is not this form;
        ``HL7-111`` when its MSH-18 names a character set that cannot write it.
    LimitExceeded
        ``HL7-402`` when it is longer, deeper or wider than the limits.
    """
    if len(data) > MAX_JSON:
        raise LimitExceeded("HL7-402", span=(0, len(data)))
    try:
        document = json.loads(data.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_refuse)
    except (UnicodeDecodeError, ValueError):
        raise MalformedInput("HL7-404") from None
    except RecursionError:
        raise LimitExceeded("HL7-402") from None
    assembly = Assembly()
    _read_content(_object(document).get("content"), assembly, 0)
    return assembly.message()


def _group(group: Group, tables: Definitions) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for child in group:
        if isinstance(child, Group):
            found.append({"group": child.name, "content": _group(child, tables)})
        elif child.name == "?":
            found.append({"line": child.segment.message.decode(bytes(child.segment))})
        else:
            fields: dict[str, list[Any]] = {}
            for element in elements(child.segment, tables):
                fields.setdefault(element.name.partition(".")[2], []).append(_value(element))
            found.append({"segment": child.name, "fields": fields})
    return found


def _value(element: Element) -> Any:
    if element.children is None:
        pieces = tokens(element.part)
        if element.name in ("MSH.2", "FHS.2", "BHS.2", "MSH.1", "FHS.1", "BHS.1"):
            return element.part.message.decode(element.part.raw)
        if pieces == [(NULL, False)]:
            return None
        if any(is_sequence for _, is_sequence in pieces):
            return [{"escape": text} if is_sequence else text for text, is_sequence in pieces]
        return "".join(text for text, _ in pieces)
    if not element.children:
        return ""
    return {child.name.rpartition(".")[2]: _value(child) for child in element.children}


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError
    return found


def _refuse(_: str) -> None:
    raise ValueError


def _object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise MalformedInput("HL7-401")
    return value


def _read_content(content: Any, assembly: Assembly, depth: int) -> None:
    if depth > _DEEPEST:
        raise LimitExceeded("HL7-402")
    if not isinstance(content, list):
        raise MalformedInput("HL7-401")
    for each in map(_object, content):
        if isinstance(each.get("segment"), str):
            fields = {_number(key): _repetitions(value) for key, value in _object(each.get("fields")).items()}
            assembly.segment(each["segment"], fields)
        elif isinstance(each.get("line"), str):
            assembly.line(each["line"])
        elif "group" in each:
            _read_content(each.get("content"), assembly, depth + 1)
        else:
            raise MalformedInput("HL7-401")


def _number(key: str) -> int:
    if not _NUMBER.fullmatch(key):
        raise MalformedInput("HL7-401")
    return int(key)


def _repetitions(value: Any) -> list[Tree]:
    if not isinstance(value, list):
        raise MalformedInput("HL7-401")
    return [_tree(each, 0) for each in value]


def _tree(value: Any, depth: int) -> Tree:
    if isinstance(value, dict):
        if depth > 1:
            raise MalformedInput("HL7-401")
        return {_number(key): _tree(below, depth + 1) for key, below in value.items()}
    return [(NULL, False)] if value is None else _leaf(value)


def _leaf(value: Any) -> Leaf:
    pieces: Leaf = []
    for each in value if isinstance(value, list) else [value]:
        if isinstance(each, str):
            pieces.append((each, False))
        elif isinstance(each, dict) and set(each) == {"escape"} and isinstance(each["escape"], str):
            pieces.append((each["escape"], True))
        else:
            raise MalformedInput("HL7-401")
    return [("X2222", True)] if pieces == [(NULL, False)] else pieces
