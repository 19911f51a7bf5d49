"""Canonical records to FHIR R4 JSON: a Bundle, a transaction, or NDJSON."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import quote

from ..._accel import load
from ...errors import InvalidRequest
from ...model import Device, Issue, Message, Metric, Observation, Order, Record, Residue, Subject
from ...plugins import Loss, WriteContext
from .casts import Casts, Told
from .enrich import enrich, is_test
from .envelope import Sources, is_own, resource_id
from .fast import FastPath
from .fields import Emit, items, text_of
from .hold import Held, Hold, is_held
from .jsontext import Tree, dumps, parse
from .mapping import to_resources
from .references import RESOURCES, Known, entry_of, is_bundle, kept_tree, urn
from .repeated import Repeated
from .tables import OWN
from .visit import emit_order

if TYPE_CHECKING:
    from ..._accel import lines_py as kernel
else:
    kernel = load("lines")

__all__ = ["FORMS", "FhirWriter", "make_writer"]

FORMS: Final = ("collection", "transaction", "ndjson", "source")
"""``collection`` and ``transaction`` are Bundles, ``ndjson`` is one resource a line; ``source`` is the shape in
which this adapter read the records: their Bundles again, other resources one a line."""

_CHUNK: Final = 1 << 16
_BATCH: Final = 64
"""Records that are taken at once where lines are written."""
_AHEAD: Final = 256
"""Records that are known before the one that is written: a message comes before the person that it names."""
_MOST_HELD: Final = 1 << 14
_MOST_SEEN: Final = 1 << 16
"""Observations that are known when they are told again."""
_NO_PATIENT: Final = frozenset({"demo", "test", "quality-control"})
_OF_PERSON: Final = frozenset({"observation", "waveform", "alert", "setting", "event", "document"})
"""Kinds that say themselves that they are of no patient: the person's own entry may stand far behind them."""
_UNIDENTIFIED: Final = frozenset({"MessageHeader", "Provenance"})
_MEASURED: Final = frozenset({"observation", "waveform"})
_TOLD: Final = (Device, Metric)
"""What every message of a device tells again, record by record."""
_RECORD_ID: Final = OWN + "record-id"

_Entry = tuple[str, Record, str, Tree | None, str]
"""Full URL (empty outside a Bundle), record, resource type, tree (None on the short way) and text of a resource."""


_Line = Any
"""An entry; outside a Bundle also its text alone."""
_Item = Any
"""A line, or the place of what is held back."""


class _Run(NamedTuple):
    """Items that were made at once."""

    items: list[_Item]
    size: int
    """Of the lines among them."""


class _Place:
    """Where the report of an order will stand."""

    __slots__ = ("order",)

    def __init__(self, order: str) -> None:
        self.order = order


class FhirWriter:
    """Writes one payload; see :class:`~iomt_interop.plugins.Writer`."""

    def __init__(self, context: WriteContext) -> None:
        self._form = context.form or "collection"
        if self._form not in FORMS:
            raise InvalidRequest("USE-001", path="form", hint="one of " + ", ".join(FORMS))
        self._context = context
        self._bundle = self._form in ("collection", "transaction")
        self._whole = self._form == "transaction"
        self._known = Known(bounded=not self._whole)
        self._hold = Hold(None if self._whole else _MOST_HELD)
        self._nodes: dict[str, str] = {}
        self._excluded: set[str] = set()
        self._nobody: set[str] = set()
        self._orders: dict[str, tuple[Held, dict[str, None]]] = {}
        self._emit = Emit(reference=self._known.reference, raw_status=context.raw_status, node_of=self._nodes.get)
        sources = Sources()
        self._fast = FastPath(self._emit, sources)
        self._repeated = Repeated(self._emit, sources)
        told = Told(self._nodes, self._orders, self._nobody, self._excluded)
        ways = (sources, self._fast, self._repeated)
        self._casts = None if self._bundle else Casts(self._emit, ways, self._hold, told)

    def __repr__(self) -> str:
        return f"FhirWriter({self._form}, {len(self._emit.losses)} losses)"

    @property
    def losses(self) -> Sequence[Loss]:
        """What FHIR could not say of the records so far."""
        return self._emit.losses

    def write(self, records: Iterable[Record], /) -> Iterator[bytes]:
        """Return the payload in chunks; a transaction is held until all its records are known."""
        pending: list[str] = []
        size = 0
        for part in self._parts(records):
            pending.append(part)
            size += len(part)
            if size >= _CHUNK:
                yield "".join(pending).encode()
                pending, size = [], 0
        if pending:
            yield "".join(pending).encode()

    # ---- Records

    def _kept(self, record: Record) -> bool:
        """Tell whether a record is written; test data are not, unless asked for."""
        values = record.__dict__
        kind = type(record)
        if not values["labels"] and values["subject"] not in self._excluded:
            if kind is Metric or (kind is Observation and values["quality"] is None):
                return True
            if kind is Device:
                self._nodes[record.id] = values["node"]
                return True
        if isinstance(record, Issue):
            return False
        if isinstance(record, Device):
            self._nodes[record.id] = record.node
        if isinstance(record, Subject) and record.confidence in _NO_PATIENT:
            self._nobody.add(record.id)
        if self._context.include_test_data:
            # The reader's stand-in for a test person is no resource; the resources name whom they named.
            return not (isinstance(record, Subject) and is_own(record) and record.provenance.digest is None)
        if record.kind == "subject" and record.id in self._nobody:
            self._excluded.add(record.id)
        elif record.subject not in self._excluded and not is_test(record):
            return True
        self._emit.losses.append(Loss(record.id, record.kind, "", "test data excluded"))
        return False

    def _ahead(self, records: Iterable[Record]) -> Iterator[Record]:
        """Yield the records that are written, each when those that follow it are known to be in the Bundle."""
        waiting: deque[Record] = deque()
        for record in records:
            if not self._kept(record):
                continue
            if is_bundle(record):
                self._bundle_lost(record)
                continue
            if self._known.add(record):
                self._fast.forget_references()
            waiting.append(record)
            if len(waiting) > _AHEAD and not self._whole:
                yield waiting.popleft()
        yield from waiting

    def _bundle_lost(self, record: Record) -> None:
        """Report a Bundle that said more than a new one of this form says."""
        if not self._bundle or kept_tree(record, "bundle") != {"type": self._form}:
            self._emit.losses.append(Loss(record.id, record.kind, "", "Bundle whose resources stand in a new one"))

    def _texts(self, record: Record) -> Iterable[_Entry]:
        """Return the resources that a record becomes."""
        text = None
        if self._casts is not None:
            if isinstance(record, _TOLD):
                text = self._casts.told(record)
            elif isinstance(record, Message):
                text = self._casts.header(record)
        if text is None:
            text = self._repeated.write(record)
        if text is None:
            return self._long(record)
        kind = RESOURCES[record.kind]
        return ((self._known.full_url(kind, record) if self._bundle else "", record, kind, None, text),)

    def _long(self, record: Record) -> Iterator[_Entry]:
        """Yield the resources that a record becomes, on the long way."""
        device = record.__dict__.get("device") if record.kind in _MEASURED else None
        test = record.subject in self._nobody and record.kind in _OF_PERSON
        enriched = enrich(record, None if device is None else self._nodes.get(device), test=test)
        for tree in to_resources(enriched, self._emit):
            kind, identity = tree["resourceType"], tree.get("id")
            if self._bundle and is_own(enriched):
                self._known.localise(enriched, tree)
            first = is_own(enriched) or identity == resource_id(record.id)
            url = self._known.full_url(kind, record) if first else urn(identity or record.id)
            yield url, record, kind, tree, dumps(tree)

    def _released(self, held: Held) -> Iterable[_Entry]:
        """Return the entry of a record of which no newer version follows."""
        held.gone = True
        record, lost = held.whole()
        self._emit.losses += lost
        return self._texts(record)

    def _leaving(self) -> Iterator[_Entry]:
        """Yield the entries of what had to leave for others to be held."""
        leaving = self._hold.leaving
        while leaving:
            yield from self._released(leaving.pop(0))

    # ---- Reports

    def _order(self, record: Order) -> None:
        """Keep an order until its observations have been written."""
        if record.id in self._orders:
            self._orders[record.id][0].add(record)
        else:
            self._orders[record.id] = Held(record), {}

    def _result(self, record: Any) -> None:
        """Add an observation to the report that it belongs to."""
        order = self._orders.get(record.__dict__.get("order") or "") if self._orders else None
        if order is not None and RESOURCES.get(record.kind) == "Observation":
            order[1][self._emit.reference("Observation", record.id)] = None

    def _reports(self) -> Iterator[_Item]:
        """Yield the reports whose observations have all been written."""
        for identity in list(self._orders):
            if self._whole:
                yield _Place(identity)
            else:
                yield from self._report(identity)

    def _report(self, identity: str) -> Iterator[_Entry]:
        held, results = self._orders.pop(identity, (None, {}))
        if held is not None:
            order, lost = held.whole()
            self._emit.losses += lost
            for tree in emit_order(order, self._emit, tuple(results)):
                yield self._known.full_url("DiagnosticReport", order), order, "DiagnosticReport", tree, dumps(tree)

    # ---- Entries

    def _items(self, records: Iterable[Record]) -> Iterator[_Item]:
        """Yield entries and the places of what is held back."""
        casts, stream = self._casts, self._ahead(records) if self._bundle else iter(records)
        while batch := list(islice(stream, _BATCH)):
            at = 0
            while at < len(batch):
                if casts is not None:
                    written: list[_Item] = []
                    at, size = kernel.lines(batch, at, written, casts)
                    yield _Run(written, size)
                if at < len(batch):
                    yield from self._one(batch[at])
                    at += 1
        yield from self._reports()

    def _one(self, record: Record) -> Iterator[_Item]:
        """Yield entries and the places of what is held back, for one record."""
        kind, bundle = type(record), self._bundle
        if kind is Observation and record.subject not in self._nobody:
            text = self._short(record)
            if text is not None:
                yield (urn(record.id), record, "Observation", None, text) if bundle else text + "\n"
                return
        if isinstance(record, Message):
            yield from self._reports()
        if not bundle:
            if not self._kept(record):
                return
            if is_bundle(record):
                self._bundle_lost(record)
                return
        yield from self._item(record)

    def _short(self, record: Any) -> str | None:
        """Return the text of an observation that is plain, and add it to its report; None for all others."""
        casts = self._casts
        text = None if casts is None else casts.result(record)
        if text is None:
            text = self._fast.write(record)
        if text is None or not self._orders:
            return text
        if self._bundle:
            self._result(record)
        else:
            # Both ways know already that FHIR allows the id, which is the reference here.
            values = record.__dict__
            order = self._orders.get(values["order"])
            if order is not None:
                order[1]["Observation/" + values["id"]] = None
        return text

    def _item(self, record: Record) -> Iterable[_Item]:
        """Return what a record becomes now; a line that was FHIR already stays where it was."""
        own = is_own(record)
        if (self._bundle or not own) and is_held(record):
            held = self._hold.take(record)
            return (*self._leaving(), held)
        if isinstance(record, Order) and not own:
            self._order(record)
            return ()
        self._result(record)
        return self._texts(record)

    def _arranged(self, found: Iterator[_Item]) -> Iterator[_Line]:
        """Yield entries: what was held back at its place while nothing had to leave before, else at the end."""
        window: list[_Item] = []
        size = 0
        for item in found:
            if type(item) is _Run:
                window += item.items
                size += item.size
            else:
                window.append(item)
                if type(item) is str:
                    size += len(item)
                elif type(item) is tuple:
                    size += len(item[4]) + 1  # its line has an end, as that of a text has
            if size >= _CHUNK and not self._whole:
                break
        else:
            yield from self._placed(window)
            return
        yield from _present(window)
        window.clear()
        yield from _present(found)
        for held in self._hold.rest():
            yield from self._released(held)

    def _placed(self, window: list[_Item]) -> Iterator[_Line]:
        """Yield everything at its place; nothing stays held."""
        for item in window if self._casts is None else kernel.told(window, self._casts):
            if type(item) is Held:
                if not item.gone:
                    yield from self._released(item)
            elif type(item) is _Place:
                yield from self._report(item.order)
            else:
                yield item
        self._hold.clear()

    def _versions(self, entries: Iterator[_Entry]) -> Iterator[_Entry]:
        """Yield the entries of a Bundle; what repeats word for word once, what changed as a new version.

        FHIR R4 Bundle, bdl-7: entries of one full URL differ in ``meta.versionId``.
        """
        resources: dict[str, tuple[int, int]] = {}
        observations: dict[str, tuple[int, int]] = {}
        for url, record, kind, tree, text in entries:
            seen = observations if kind == "Observation" else resources
            if len(observations) >= _MOST_SEEN:
                observations.clear()
            digest, version = hash(text), 1
            if url in seen:
                if seen[url][0] == digest:
                    continue
                version = seen[url][1] + 1
                tree = tree if tree is not None else parse(text.encode())
                tree.setdefault("meta", {})["versionId"] = str(version)
                text = dumps(tree)
            seen[url] = digest, version
            yield url, record, kind, tree, text

    def _last(self, entries: Iterator[_Entry]) -> Iterator[_Entry]:
        """Yield the last version of each entry: a transaction creates a resource once."""
        last: dict[str, _Entry] = {}
        for entry in entries:
            older = last.get(entry[0])
            last[entry[0]] = entry
            if older is not None and _content(older) != _content(entry):
                record = older[1]
                self._emit.losses.append(Loss(record.id, record.kind, "", "older version in one transaction"))
        return iter(last.values())

    # ---- Forms

    def _parts(self, records: Iterable[Record]) -> Iterator[str]:
        if not self._bundle:
            lines = self._source(records) if self._form == "source" else self._items(records)
            for line in self._arranged(lines):
                if type(line) is str:
                    yield line
                else:
                    yield line[4] + "\n" if line[2] else line[4]
            return
        yield f'{{"resourceType":"Bundle","type":"{self._form}"'
        separator = ',"entry":['
        entries = self._arranged(self._items(records))
        for url, record, kind, tree, text in self._last(entries) if self._whole else self._versions(entries):
            yield f'{separator}{{"fullUrl":{dumps(url)},"resource":'
            separator = ","
            if self._whole:
                yield from _request(kind, record, tree if tree is not None else parse(text.encode()))
            else:
                yield text + "}"
        yield "}" if separator != "," else "]}"

    def _source(self, records: Iterable[Record]) -> Iterator[_Item]:
        """Yield Bundles as they were read, in pieces without a resource type, and lines."""
        digest: str | None = None
        separator = ""
        for record in records:
            inside = digest is not None and record.provenance.digest == digest and is_own(record)
            if isinstance(record, Issue) and inside:
                continue
            if digest is not None and not inside:
                yield _piece(record, "]}\n" if separator else "}\n")
                digest = None
            if isinstance(record, Message):
                yield from self._reports()
            if not self._kept(record):
                continue
            if is_bundle(record):
                digest, separator = record.provenance.digest, ""
                rest = dumps(kept_tree(record, "bundle"))[1:-1]
                yield _piece(record, '{"resourceType":"Bundle"' + ("," + rest if rest else ""))
                continue
            if digest is None:
                yield from self._item(record)
                continue
            for text in self._entry_texts(record):
                yield _piece(record, (separator or ',"entry":[') + text)
                separator = ","
        if digest is not None:
            yield _piece(record, "]}\n" if separator else "}\n")
        yield from self._reports()

    def _entry_texts(self, record: Record) -> Iterator[str]:
        """Yield the entry of a Bundle that is written as it was read."""
        if isinstance(record, Residue) and record.reason == "entry":
            yield record.raw.decode()
            return
        rest = dumps(entry_of(record))[1:-1]
        for found in self._texts(record):
            yield "{" + rest + (',"resource":' if rest else '"resource":') + found[4] + "}"


def _present(found: Iterable[_Item]) -> Iterator[_Line]:
    """Yield what is no place."""
    for item in found:
        if type(item) is _Run:
            yield from _present(item.items)
        elif type(item) is str or type(item) is tuple:
            yield item


def _piece(record: Record, text: str) -> _Entry:
    return "", record, "", None, text


def _content(entry: _Entry) -> Tree:
    """Return a resource without what tells where it came from."""
    tree = parse(entry[4].encode())
    meta = {key: value for key, value in tree.get("meta", {}).items() if key != "source"}
    return {**tree, "meta": meta}


def _request(kind: str, record: Record, tree: Tree) -> Iterator[str]:
    """Yield a resource and its conditional create: an identifier that it has, else the record's own id."""
    known = next((i for i in items(tree, "identifier") if text_of(i, "value") and text_of(i, "system")), None)
    if known is None and kind not in _UNIDENTIFIED:
        known = {"system": _RECORD_ID, "value": text_of(tree, "id") or record.id}
        tree.setdefault("identifier", []).append(known)
    yield dumps(tree)
    request: Tree = {"method": "POST", "url": kind}
    if known is not None:
        request["ifNoneExist"] = "identifier=" + quote(f"{known['system']}|{known['value']}", safe=":/|.-_~")
    yield f',"request":{dumps(request)}}}'


def make_writer(context: WriteContext, /) -> FhirWriter:
    """Return a writer for one payload."""
    return FhirWriter(context)
