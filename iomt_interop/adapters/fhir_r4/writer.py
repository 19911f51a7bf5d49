"""Canonical records to FHIR R4 JSON: a Bundle, a transaction, or NDJSON."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final
from urllib.parse import quote

from ...errors import InvalidRequest
from ...model import Device, Issue, Message, Observation, Order, Record, Residue, Subject, Waveform, record_id
from ...plugins import Loss, WriteContext
from .enrich import enrich, is_test
from .envelope import is_canonical_id, is_own, resource_id
from .fast import FastPath
from .fields import Emit, items, text_of
from .jsontext import MAX_DEPTH, Tree, dumps, parse
from .mapping import to_resources
from .patch import NAMESPACE
from .tables import OWN
from .visit import emit_order

__all__ = ["FORMS", "FhirWriter", "make_writer"]

FORMS: Final = ("collection", "transaction", "ndjson", "source")
"""``collection`` and ``transaction`` are Bundles, ``ndjson`` is one resource a line; ``source`` is the shape in
which this adapter read the records: their Bundles again, other resources one a line."""

_CHUNK: Final = 1 << 16
_NO_PATIENT: Final = frozenset({"demo", "test", "quality-control"})
_RECENT: Final = 1 << 16
"""Observations whose references can be resolved inside a Bundle: the latest ones."""
_UNIDENTIFIED: Final = frozenset({"MessageHeader"})
_RECORD_ID: Final = OWN + "record-id"

_Written = tuple[str, str, Tree | None, str]
"""Id, resource type, tree (None on the short way) and text of a resource."""
_Entry = tuple[str, _Written]
"""Full URL and resource."""


class FhirWriter:
    """Writes one payload; see :class:`~iomt_interop.plugins.Writer`."""

    def __init__(self, context: WriteContext) -> None:
        self._form = context.form or "collection"
        if self._form not in FORMS:
            raise InvalidRequest("USE-001", path="form", hint="one of " + ", ".join(FORMS))
        self._context = context
        self._nodes: dict[str, str] = {}
        self._known: dict[str, str] = {}
        self._recent: dict[str, None] = {}
        self._excluded: set[str] = set()
        self._orders: dict[str, tuple[Order, list[str]]] = {}
        self._emit = Emit(reference=self._reference, raw_status=context.raw_status, node_of=self._nodes.get)
        self._fast = FastPath(self._emit)

    def __repr__(self) -> str:
        return f"FhirWriter({self._form}, {len(self._emit.losses)} losses)"

    @property
    def losses(self) -> Sequence[Loss]:
        """What FHIR could not say of the records so far."""
        return self._emit.losses

    def write(self, records: Iterable[Record], /) -> Iterator[bytes]:
        """Return the payload in chunks; a transaction is held until all its records are known."""
        if self._form == "transaction":
            records = list(records)
            for record in records:
                self._know(record)
        parts = self._source(records) if self._form == "source" else self._parts(records)
        pending: list[str] = []
        size = 0
        for part in parts:
            pending.append(part)
            size += len(part)
            if size >= _CHUNK:
                yield "".join(pending).encode()
                pending, size = [], 0
        if pending:
            yield "".join(pending).encode()

    # ---- References

    def _reference(self, resource: str, target: str) -> str:
        if resource == "Observation" and target in self._recent:
            return _urn(target)
        key = f"{resource}/{resource_id(target)}"
        return self._known.get(key, key)

    def _know(self, record: Record) -> None:
        """Remember that the Bundle holds a record, so that references to it resolve inside."""
        kind = _RESOURCES.get(record.kind)
        if kind is None or self._form in ("ndjson", "source") or is_own(record):
            return
        if kind == "Observation" and record.kind != "clock_sync":
            if len(self._recent) >= _RECENT and self._form != "transaction":
                self._recent.clear()
            self._recent[record.id] = None
            return
        key = f"{kind}/{resource_id(record.id)}"
        if key not in self._known:
            self._known[key] = _urn(record.id)
            self._fast.forget_references()

    # ---- Records

    def _kept(self, record: Record) -> bool:
        """Tell whether a record is written; test data are not, unless asked for."""
        if isinstance(record, Issue):
            return False
        if isinstance(record, Device):
            self._nodes[record.id] = record.node
            self._fast.forget_codes()
        if self._context.include_test_data:
            return True
        if isinstance(record, Subject) and record.confidence in _NO_PATIENT:
            self._excluded.add(record.id)
        elif record.subject not in self._excluded and not is_test(record):
            return True
        self._emit.losses.append(Loss(record.id, record.kind, "", "test data excluded"))
        return False

    def _texts(self, record: Record) -> Iterator[_Written]:
        """Yield the resources that a record becomes, on the long way."""
        device = record.device if isinstance(record, Observation | Waveform) else None
        node = None if device is None else self._nodes.get(device)
        enriched = enrich(record, node)
        if isinstance(enriched, Order) and not is_own(enriched):
            self._orders[enriched.id] = (enriched, [])
            return
        self._result(enriched)
        for tree in to_resources(enriched, self._emit):
            self._localise(enriched, tree)
            yield tree.get("id", record.id), tree["resourceType"], tree, dumps(tree)

    def _result(self, record: Any) -> None:
        """Add an observation to the report that it belongs to."""
        order = self._orders.get(getattr(record, "order", None) or "")
        if order is not None and _RESOURCES.get(record.kind) == "Observation":
            order[1].append(self._reference("Observation", record.id))

    def _reports(self) -> Iterator[_Written]:
        """Yield the reports whose observations have all been written."""
        for order, results in self._orders.values():
            for tree in emit_order(order, self._emit, tuple(results)):
                yield tree["id"], "DiagnosticReport", tree, dumps(tree)
        self._orders.clear()

    def _localise(self, record: Record, tree: Tree) -> None:
        """Point the references of a resource that was FHIR already into the new Bundle."""
        if not is_own(record) or self._form in ("ndjson", "source"):
            return
        kind, identity = text_of(tree, "resourceType"), text_of(tree, "id")
        target = _full_url(record, identity)
        self._known[f"{kind}/{resource_id(record.id)}"] = target
        if identity is not None:
            self._known[f"{kind}/{identity}"] = target
        original = _entry_of(record).get("fullUrl")
        if isinstance(original, str):
            self._known[original] = target
        stack: list[Any] = [tree]
        while stack:
            item = stack.pop()
            if isinstance(item, list):
                stack += item
            elif isinstance(item, dict):
                reference = text_of(item, "reference")
                if reference in self._known:
                    item["reference"] = self._known[reference or ""]
                stack += item.values()

    def _all(self, records: Iterable[Record]) -> Iterator[tuple[Record | None, _Written]]:
        remember = self._form in ("collection", "transaction")
        for record in records:
            if type(record) is Observation and record.subject not in self._excluded:
                text = self._fast.write(record)
                if text is not None:
                    if remember:
                        self._know(record)
                    if record.order is not None:
                        self._result(record)
                    yield record, (record.id, "Observation", None, text)
                    continue
            if isinstance(record, Message):
                yield from ((None, found) for found in self._reports())
            if not self._kept(record):
                continue
            if _is_bundle(record):
                self._emit.losses.append(Loss(record.id, record.kind, "", "Bundle whose resources stand in a new one"))
                continue
            self._know(record)
            yield from ((record, found) for found in self._texts(record))
        yield from ((None, found) for found in self._reports())

    # ---- Forms

    def _parts(self, records: Iterable[Record]) -> Iterator[str]:
        if self._form == "ndjson":
            for _, found in self._all(records):
                yield found[3] + "\n"
            return
        yield f'{{"resourceType":"Bundle","type":"{self._form}"'
        separator = ',"entry":['
        entries = self._transaction(records) if self._form == "transaction" else self._entries(records)
        for url, (identity, kind, tree, text) in entries:
            yield f'{separator}{{"fullUrl":{dumps(url)},"resource":'
            separator = ","
            if self._form == "transaction":
                yield from _request(kind, identity, tree if tree is not None else parse(text.encode()))
            else:
                yield text + "}"
        yield "}" if separator != "," else "]}"

    def _entries(self, records: Iterable[Record]) -> Iterator[_Entry]:
        """Yield the entries of a Bundle; what repeats word for word once, what changed as a new version.

        FHIR R4 Bundle, bdl-7: entries of one full URL differ in ``meta.versionId``.
        """
        resources: dict[str, tuple[int, int]] = {}
        observations: dict[str, tuple[int, int]] = {}
        for record, (identity, kind, tree, text) in self._all(records):
            url = _full_url(record, identity) if record is not None and is_own(record) else _urn(identity)
            seen = observations if kind == "Observation" else resources
            if len(observations) >= _RECENT:
                observations.clear()
            digest, version = hash(text), 1
            if url in seen:
                if seen[url][0] == digest:
                    continue
                version = seen[url][1] + 1
                if self._form == "collection":
                    tree = tree if tree is not None else parse(text.encode())
                    tree.setdefault("meta", {})["versionId"] = str(version)
                    text = dumps(tree)
            seen[url] = digest, version
            yield url, (identity, kind, tree, text)

    def _transaction(self, records: Iterable[Record]) -> Iterator[_Entry]:
        """Yield the last version of each entry: a transaction creates a resource once."""
        return iter({entry[0]: entry for entry in self._entries(records)}.values())

    def _source(self, records: Iterable[Record]) -> Iterator[str]:
        """Yield Bundles as they were read, and lines."""
        digest: str | None = None
        separator = ""
        for record in records:
            inside = digest is not None and record.provenance.digest == digest and is_own(record)
            if isinstance(record, Issue) and inside:
                continue
            if digest is not None and not inside:
                yield "]}\n" if separator else "}\n"
                digest = None
            if isinstance(record, Message):
                yield from (found[3] + "\n" for found in self._reports())
            if not self._kept(record):
                continue
            if _is_bundle(record):
                digest, separator = record.provenance.digest, ""
                rest = dumps(_kept_tree(record, "bundle"))[1:-1]
                yield '{"resourceType":"Bundle"' + ("," + rest if rest else "")
                continue
            if digest is not None and isinstance(record, Residue) and record.reason == "entry":
                texts = [record.raw.decode()]
            elif digest is not None:
                rest = dumps(_entry_of(record))[1:-1]
                texts = ["{" + rest + (',"resource":' if rest else '"resource":') + found[3] + "}"
                         for found in self._texts(record)]  # fmt: skip
            else:
                yield from (found[3] + "\n" for found in self._texts(record))
                continue
            for text in texts:
                yield (separator or ',"entry":[') + text
                separator = ","
        if digest is not None:
            yield "]}\n" if separator else "}\n"
        yield from (found[3] + "\n" for found in self._reports())


_RESOURCES: Final = {
    "subject": "Patient", "device": "Device", "metric": "DeviceMetric", "encounter": "Encounter",
    "order": "DiagnosticReport", "observation": "Observation", "waveform": "Observation", "clock_sync": "Observation",
    "alert": "Observation", "setting": "Observation", "event": "Observation",
}  # fmt: skip


def _urn(identity: str) -> str:
    """Return the full URL of a record in a Bundle: its id as a UUID, the same in every process."""
    text = identity
    if not is_canonical_id(text):
        text = record_id("fhir-url", identity)
    return f"urn:uuid:{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def _is_bundle(record: Record) -> bool:
    return isinstance(record, Message) and is_own(record) and (record.type or "").startswith("Bundle.")


def _kept_tree(record: Record, path: str) -> Tree:
    for extension in record.extensions:
        if extension.namespace == NAMESPACE and extension.path == path and extension.value is not None:
            tree = parse(extension.value.encode(), max_depth=MAX_DEPTH)
            return tree if isinstance(tree, dict) else {}
    return {}


def _entry_of(record: Record) -> Tree:
    return _kept_tree(record, "entry")


def _full_url(record: Record, identity: str | None) -> str:
    original = text_of(_entry_of(record), "fullUrl")
    return original if original is not None and original.startswith("urn:") else _urn(record.id)


def _request(kind: str, identity: str, tree: Tree) -> Iterator[str]:
    """Yield a resource and its conditional create: an identifier that it has, else the record's own id."""
    known = next((i for i in items(tree, "identifier") if text_of(i, "value") and text_of(i, "system")), None)
    if known is None and kind not in _UNIDENTIFIED:
        known = {"system": _RECORD_ID, "value": identity}
        tree.setdefault("identifier", []).append(known)
    yield dumps(tree)
    request: Tree = {"method": "POST", "url": kind}
    if known is not None:
        request["ifNoneExist"] = "identifier=" + quote(f"{known['system']}|{known['value']}", safe=":/|.-_~")
    yield f',"request":{dumps(request)}}}'


def make_writer(context: WriteContext, /) -> FhirWriter:
    """Return a writer for one payload."""
    return FhirWriter(context)
