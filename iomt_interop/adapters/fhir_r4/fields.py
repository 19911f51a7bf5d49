"""A table row says where a canonical field stands in FHIR, and both directions follow from it.

A :class:`Kind` knows one FHIR datatype: how a canonical value becomes JSON and how JSON becomes the value again.
A :class:`Row` joins a field of a canonical class, a place (an element, or the URL of an extension) and a kind.
What FHIR has no element for goes into an extension of this project (:data:`.tables.OWN`), so that it comes back.

Parsing never fails: what does not look as expected is passed over, and the reader keeps it as an edit
(:mod:`.patch`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, Protocol

from pydantic import ValidationError

from ..._accel import load
from ...model import Model
from ...plugins import Loss
from .jsontext import Tree

__all__ = [
    "Complex", "Emit", "First", "Kind", "Many", "Part", "Parse", "Row", "build", "emit_rows", "extension", "extensions",
    "items", "nest", "parse_rows", "read_own", "text_of", "unnest",
]  # fmt: skip

EMPTY: Final[tuple[Any, ...]] = (None, ())
_kernel = load("fhirjson")
emit_rows, extension = _kernel.emit_rows, _kernel.extension


class References(Protocol):
    """How ids of records become references; each form of payload has its own way."""

    def __call__(self, resource: str, target: str, /) -> str:
        """Return the text of a reference to a record."""
        ...


@dataclass(slots=True)
class Emit:
    """What emission needs to know of the payload, and where it reports losses."""

    reference: References
    raw_status: str = "final"
    node_of: Callable[[str], str | None] = lambda _: None
    """Kind of a device that was written before."""
    losses: list[Loss] = field(default_factory=list)
    record: str = ""
    kind: str = ""
    prefix: str = ""
    contained: list[Tree] = field(default_factory=list)
    """Of the resource that is being written."""
    assigner: str = "Organization"
    """What a facility that assigned an identifier is: of persons and organisations it is a place."""

    def contain(self, tree: Tree) -> Tree:
        """Add a contained resource and return the reference to it; the same content gives the same resource."""
        for known in self.contained:
            if len(known) == len(tree) + 1 and all(known.get(key) == value for key, value in tree.items()):
                return {"reference": f"#{known['id']}"}
        identity = f"c{len(self.contained) + 1}"
        self.contained.append({"resourceType": tree["resourceType"], "id": identity, **tree})
        return {"reference": "#" + identity}

    def loss(self, path: str, reason: str) -> None:
        """Note one thing that FHIR cannot say."""
        self.losses.append(Loss(self.record, self.kind, self.prefix + path, reason))


@dataclass(slots=True)
class Parse:
    """What parsing needs to know of the source."""

    resolve: Callable[[str, tuple[str, ...]], str | None]
    """Id of the record that a reference names, where it names one of these resource types."""
    contained: dict[str, Tree] = field(default_factory=dict)
    """Contained resources of the resource that is being read, by id."""

    def inner(self, reference: Any, resource: str) -> Tree | None:
        """Return the contained resource of this type that a reference names."""
        text = text_of(reference, "reference")
        found = self.contained.get(text[1:]) if text is not None and text.startswith("#") else None
        return found if found is not None and found.get("resourceType") == resource else None


class Kind:
    """One FHIR datatype; subclasses and instances say how it looks."""

    suffix: str = ""
    """The type's name as it stands behind ``value``."""
    each: Kind | None = None
    """Of an element that repeats the datatype of one."""

    def out(self, value: Any, e: Emit, path: str) -> Any:
        """Return the JSON of a value, None when there is nothing to say."""
        return None

    def into(self, json: Any, p: Parse) -> Any:
        """Return the canonical value of a JSON value, None when it does not fit."""
        return None

    def put(self, out: Tree, key: str, value: Any, e: Emit, path: str) -> None:
        """Set an element."""
        json = self.out(value, e, path)
        if json is not None:
            out[key] = json

    def get(self, tree: Tree, key: str, p: Parse) -> Any:
        """Read an element."""
        json = tree.get(key)
        return None if json is None else self.into(json, p)

    def wrap(self, url: str, value: Any, e: Emit, path: str) -> Tree | None:
        """Return an extension that holds the value."""
        content: Tree = {}
        self.put(content, "value" + self.suffix, value, e, path)
        return nest(url, content)

    def unwrap(self, entry: Tree, p: Parse) -> Any:
        """Read the value of an extension."""
        return self.get(unnest(entry), "value" + self.suffix, p)


def nest(url: str, content: Tree) -> Tree | None:
    """Return an extension of a ``value[x]`` that may have facets.

    The facets of a primitive stand on ``_value[x]``, which not every library reads inside an extension; there
    the value and its facets become extensions side by side.
    """
    if not content:
        return None
    facets = None
    for key in content:
        if key.startswith("_value"):
            facets = key
            break
    if facets is None:
        return {"url": url, **content}
    name = facets[1:]
    value = {"url": "value", name: content[name]} if name in content else {"url": "no-value", "valueCode": name[5:]}
    return {"url": url, "extension": [value, *content[facets]["extension"]]}


def unnest(entry: Tree) -> Tree:
    """Return the content that :func:`nest` was given."""
    parts = items(entry, "extension")
    first = parts[0] if parts else {}
    if first.get("url") == "value":
        names = [key for key in first if key.startswith("value")]
        name, content = (names[0], {names[0]: first[names[0]]}) if names else ("", {})
    elif first.get("url") == "no-value":
        name, content = f"value{text_of(first, 'valueCode')}", {}
    else:
        return entry
    return {**content, "_" + name: {"extension": parts[1:]}}


class Part(Kind):
    """A datatype given by two functions."""

    def __init__(self, suffix: str, out: Callable[[Any, Emit, str], Any], into: Callable[[Any, Parse], Any]) -> None:
        self.suffix = suffix
        self._out, self._into, self._key = out, into, "value" + suffix

    def out(self, value: Any, e: Emit, path: str) -> Any:
        """Return the JSON of a value."""
        return self._out(value, e, path)

    def put(self, out: Tree, key: str, value: Any, e: Emit, path: str) -> None:
        """Set an element."""
        json = self._out(value, e, path)
        if json is not None:
            out[key] = json

    def wrap(self, url: str, value: Any, e: Emit, path: str) -> Tree | None:
        """Return an extension that holds the value, which has no facets."""
        json = self._out(value, e, path)
        return None if json is None else {"url": url, self._key: json}

    def into(self, json: Any, p: Parse) -> Any:
        """Return the value of a JSON value."""
        return self._into(json, p)


class Many(Kind):
    """An element that repeats; as an extension, the extension repeats."""

    def __init__(self, item: Kind) -> None:
        self.item = self.each = item

    def out(self, value: Any, e: Emit, path: str) -> Any:
        """Return the JSON array of a tuple."""
        found = [self.item.out(one, e, f"{path}[{index}]") for index, one in enumerate(value)]
        return [json for json in found if json is not None] or None

    def into(self, json: Any, p: Parse) -> Any:
        """Return the tuple of a JSON array."""
        return _some(self.item.into(one, p) for one in json) if isinstance(json, list) else ()


class First(Kind):
    """An element that repeats, of which the model has one; as an extension it is one."""

    def __init__(self, item: Kind) -> None:
        self.item, self.suffix = item, item.suffix

    def out(self, value: Any, e: Emit, path: str) -> Any:
        """Return the JSON array of one value."""
        json = self.item.out(value, e, path)
        return None if json is None else [json]

    def into(self, json: Any, p: Parse) -> Any:
        """Return the first value."""
        return self.item.into(json[0], p) if isinstance(json, list) and json else None


class Complex(Kind):
    """A canonical class as an element or an extension with parts, by a table of its own."""

    def __init__(self, model: type[Model], rows: Sequence[Row]) -> None:
        self.model, self.rows = model, rows

    def out(self, value: Any, e: Emit, path: str) -> Any:
        """Return the JSON object of a canonical value."""
        out: Tree = {}
        emit_rows(self.rows, value, out, e, path + ".")
        return out or None

    def into(self, json: Any, p: Parse) -> Any:
        """Return the canonical value of a JSON object."""
        if not isinstance(json, dict):
            return None
        return build(self.model, parse_rows(self.rows, json, p))

    def wrap(self, url: str, value: Any, e: Emit, path: str) -> Tree | None:
        """Return an extension whose parts are extensions."""
        out = self.out(value, e, path)
        return None if out is None else {"url": url, **out}

    def unwrap(self, entry: Tree, p: Parse) -> Any:
        """Read an extension whose parts are extensions."""
        return self.into(entry, p) if "extension" in entry else None


class Row(NamedTuple):
    """Where one canonical field stands."""

    field: str
    element: str | None
    kind: Kind
    url: str | None = None
    """URL of the extension, where there is no element."""
    default: Any = None
    """Value that need not be written."""


def parse_rows(rows: Iterable[Row], tree: Tree, p: Parse) -> dict[str, Any]:
    """Read the fields that have a row; the result holds what was found."""
    found: dict[str, Any] = {}
    entries: dict[str | None, list[Tree]] | None = None
    for row in rows:
        if row.element is not None:
            value = row.kind.get(tree, row.element, p)
        else:
            if entries is None:
                entries = _by_url(tree) if "extension" in tree else {}
            if row.url not in entries:
                continue
            value = _from_extensions(row.kind, entries[row.url], p)
        if value is not None and value != ():
            found[row.field] = value
    return found


def read_own(tree: Any, url: str, kind: Kind, p: Parse) -> Any:
    """Read one extension by its URL; of a :class:`Many` all of them."""
    if not isinstance(tree, dict) or "extension" not in tree:
        return () if isinstance(kind, Many) else None
    return _from_extensions(kind, extensions(tree, url), p)


def _from_extensions(kind: Kind, entries: Sequence[Tree], p: Parse) -> Any:
    if isinstance(kind, Many):
        return _some(kind.item.unwrap(entry, p) for entry in entries)
    return kind.unwrap(entries[0], p) if entries else None


def _by_url(tree: Tree) -> dict[str | None, list[Tree]]:
    found: dict[str | None, list[Tree]] = {}
    for entry in items(tree, "extension"):
        url = entry.get("url")
        if isinstance(url, str):
            found.setdefault(url, []).append(entry)
    return found


def extensions(tree: Any, url: str) -> list[Tree]:
    """Return the extensions of an element that have a URL."""
    return [entry for entry in items(tree, "extension") if entry.get("url") == url]


def items(tree: Any, key: str) -> list[Tree]:
    """Return the objects of an array element; nothing where it is no array."""
    value = tree.get(key) if isinstance(tree, dict) else None
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def text_of(tree: Any, key: str) -> str | None:
    """Return a string element; None where it is none."""
    value = tree.get(key) if isinstance(tree, dict) else None
    return value if type(value) is str else None


def build(model: type[Model], values: dict[str, Any]) -> Any:
    """Make a canonical value, or None when the values do not make one."""
    try:
        return model(**values)
    except ValidationError:
        return None


def _some(values: Iterable[Any]) -> tuple[Any, ...]:
    return tuple(value for value in values if value is not None)
