"""XML to a tree by lxml, hardened; the byte range of each element by a second, plain pass over the tags."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final

from ...errors import LimitExceeded, MalformedInput, TruncatedInput, UnsupportedFeature
from .nodes import Node

if TYPE_CHECKING:
    from lxml.etree import _Element

__all__ = ["parse_xml"]

_PROLOG_DTD: Final = re.compile(
    rb"(?>\s++|<\?(?>.*?\?>)|<!--(?>.*?-->)|\xef\xbb\xbf|\xff\xfe|\xfe\xff)*+<!DOCTYPE", re.DOTALL
)
_TAG: Final = (
    r"<!--(?>.*?-->)|<!\[CDATA\[(?>.*?\]\]>)|<\?(?>.*?\?>)"
    r"""|<(?P<end>/?)[^\s/><!?]++(?>[^"'<>/]++|"[^"]*+"|'[^']*+'|/(?!>))*+(?P<empty>/?)>"""
)
_TAGS: Final = re.compile(_TAG, re.DOTALL)
_TAG_OCTETS: Final = re.compile(_TAG.encode("ascii"), re.DOTALL)


def parse_xml(data: bytes, *, max_depth: int, prefixes: Mapping[str, str]) -> Node:
    """Read one XML document.

    No entity is resolved, nothing is loaded, a document type declaration is refused.

    Parameters
    ----------
    data : bytes
        The whole document.
    max_depth : int
        Deepest nesting.
    prefixes : mapping of str to str
        Namespace prefixes of the mapping, for labels.

    Returns
    -------
    Node
        The document; its child is the root element.

    Raises
    ------
    MalformedInput
        ``MAP-108`` or ``MAP-109``.
    TruncatedInput
        ``MAP-106`` when the document ends too early.
    UnsupportedFeature
        ``MAP-110`` for an encoding whose octets cannot be accounted for.
    LimitExceeded
        ``MAP-105`` beyond the depth.
    """
    # UTF-16 hides ASCII behind zeros; without them the prolog reads the same.
    if _PROLOG_DTD.match(data[:4096].replace(b"\0", b"")):
        raise MalformedInput("MAP-109", span=(0, len(data)))
    root = _parse(data)
    spans = list(_element_spans(data))
    document = Node("element", "", None, None, 0, len(data))
    names = {uri: prefix for prefix, uri in prefixes.items()}
    copy = _Copy(document, spans, names, max_depth)
    copy.run(root)
    copy.label()
    return document


def _parse(data: bytes) -> _Element:
    from lxml import etree  # noqa: PLC0415 - heavy; only an XML mapping needs it

    parser = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=False, load_dtd=False)
    try:
        root = etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError, LookupError):
        pass  # raised below, outside of the block: lxml's text may quote the input
    else:
        info = root.getroottree().docinfo
        if info is None or info.internalDTD is not None:
            raise MalformedInput("MAP-109", span=(0, len(data)))
        return root
    if _is_cut(data):
        raise TruncatedInput("MAP-106", span=(0, len(data)))
    raise MalformedInput("MAP-108", span=(0, len(data)))


def _is_cut(data: bytes) -> bool:
    """Tell whether a document that is not whole is good up to its end: a push parser finds no fault in it."""
    from lxml import etree  # noqa: PLC0415 - see above

    parser = etree.XMLPullParser((), resolve_entities=False, no_network=True, huge_tree=False, load_dtd=False)
    try:
        parser.feed(data)
    except (etree.XMLSyntaxError, ValueError, LookupError):
        return False
    return True


def _element_spans(data: bytes) -> Iterator[tuple[int, int]]:
    """Yield the byte range of each element in the order of the start tags."""
    spans: list[list[int]] = []
    open_ones: list[int] = []
    for start, stop, is_end, is_empty in _tags(data):
        if not is_end:
            spans.append([start, stop])
            if not is_empty:
                open_ones.append(len(spans) - 1)
        elif open_ones:
            spans[open_ones.pop()][1] = stop
    return iter([(start, stop) for start, stop in spans])


def _tags(data: bytes) -> Iterator[tuple[int, int, bool, bool]]:
    if data[:2] in {b"\xff\xfe", b"\xfe\xff"}:
        # Halves of surrogate pairs keep their length this way; libxml2 has refused them before.
        text = data.decode("utf-16", "surrogatepass")
        position, offset = 0, 2
        for match in _TAGS.finditer(text):
            start = offset + len(text[position : match.start()].encode("utf-16-le", "surrogatepass"))
            offset = start + len(match[0].encode("utf-16-le", "surrogatepass"))
            position = match.end()
            if match["end"] is not None:
                yield start, offset, bool(match["end"]), bool(match["empty"])
        return
    for found in _TAG_OCTETS.finditer(data):
        if found["end"] is not None:
            yield found.start(), found.end(), bool(found["end"]), bool(found["empty"])


class _Copy:
    """Copy of lxml's tree into ours, without recursion."""

    def __init__(self, top: Node, spans: list[tuple[int, int]], names: Mapping[str, str], max_depth: int) -> None:
        self._top = top
        self._spans = spans
        self._names = names
        self._max_depth = max_depth
        self._next = 0

    def run(self, root: _Element) -> None:
        """Copy the root element and what stands beside it."""
        for beside in reversed(list(root.itersiblings(preceding=True))):
            self._leaf(beside, self._top)
        stack: list[tuple[_Element | str, Node, int]] = [(root, self._top, 1)]
        while stack:
            item, parent, depth = stack.pop()
            if isinstance(item, str):
                parent.add(Node("markup", "text()", item, parent, parent.start, parent.stop))
                continue
            # What comes behind an element's end is copied after all that is inside.
            if item is not root and item.tail and not item.tail.isspace():
                stack.append((item.tail, parent, depth))
            if not isinstance(item.tag, str):
                self._leaf(item, parent)
                continue
            if depth > self._max_depth:
                raise LimitExceeded("MAP-105")
            node = self._element(item, parent)
            stack.extend((child, node, depth + 1) for child in reversed(item))
        for beside in root.itersiblings():
            self._leaf(beside, self._top)
        if self._next != len(self._spans):
            raise UnsupportedFeature("MAP-110")

    def _element(self, element: _Element, parent: Node) -> Node:
        if self._next >= len(self._spans):
            raise UnsupportedFeature("MAP-110")
        start, stop = self._spans[self._next]
        self._next += 1
        node = Node("element", str(element.tag), None, parent, start, stop)
        parent.add(node)
        for key, value in element.attrib.items():
            name = str(key)
            attribute = Node("markup", f"@{name}", str(value), node, start, stop)
            attribute.label = f"@{self._short(name)}"
            node.add(attribute)
        text = element.text or ""
        if text.strip() or (not len(element) and (text or not element.attrib)):
            node.add(Node("markup", "text()", text, node, start, stop))
        return node

    def _leaf(self, remark: _Element, parent: Node) -> None:
        """Keep a comment or processing instruction: it may say something."""
        if remark.text and remark.text.strip():
            parent.add(Node("markup", "comment()", remark.text, parent, parent.start, parent.stop))

    def _short(self, name: str) -> str:
        """Write a name with the mapping's own prefix."""
        if not name.startswith("{"):
            return name
        uri, _, local = name[1:].partition("}")
        prefix = self._names.get(uri)
        return name if prefix is None else f"{prefix}:{local}" if prefix else local

    def label(self) -> None:
        """Give each element and text its step: the name, and its number where there are several."""
        stack = [self._top]
        while stack:
            node = stack.pop()
            count = Counter(child.name for child in node.children)
            seen: Counter[str | int] = Counter()
            for child in node.children:
                seen[child.name] += 1
                if not child.label:
                    number = f"[{seen[child.name]}]" if count[child.name] > 1 else ""
                    child.label = self._short(str(child.name)) + number
            stack.extend(child for child in node.children if child.kind == "element")
