"""FHIR R4 JSON to canonical records: a resource, a Bundle, or NDJSON."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import Any, Final

from ...errors import InputError, LimitExceeded, MalformedInput
from ...model import Extension, Issue, Message, Model, Provenance, Record, Residue, Subject, record_id
from ...plugins import ReadContext
from .envelope import HTEST
from .fields import Parse, items, text_of
from .jsontext import Tree, dumps, parse
from .mapping import Origin, identity_of, read_resource
from .patch import NAMESPACE
from .scalars import INSTANT
from .tables import ADAPTER, VERSION

__all__ = ["FhirReader", "make_reader"]

_MAX_DEPTH: Final = 100
_MAX_PATIENTS: Final = 1 << 18
"""Persons whose references are remembered from line to line."""
_BLANK: Final = b" \t\r\n"
_TIMED: Final = frozenset({"Observation", "Waveform"})


class FhirReader:
    """Reads one source; see :class:`~iomt_interop.plugins.Reader`.

    The first line decides: when it is a JSON object by itself, every line is one (NDJSON); otherwise the
    whole source is one text.
    """

    def __init__(self, context: ReadContext) -> None:
        self._context = context
        self._depth = min(context.limits.max_depth, _MAX_DEPTH)
        self._buffer = bytearray()
        self._base = 0
        self._searched = 0
        self._lines: bool | None = None
        self._patients: dict[str, tuple[str, str]] = {}
        self._announced: set[str] = set()

    def __repr__(self) -> str:
        return f"FhirReader({len(self._buffer)} bytes buffered)"

    def feed(self, chunk: bytes | memoryview, /) -> Sequence[Record]:
        """Take more input; return the records of the lines that are now whole."""
        self._buffer += chunk
        records: list[Record] = []
        while self._lines is not False:
            end = self._buffer.find(b"\n", self._searched)
            if end < 0:
                self._searched = len(self._buffer)
                break
            line = bytes(self._buffer[:end])
            if self._lines is None and line.strip(_BLANK + b"\xef\xbb\xbf"):
                self._lines = self._is_line(line)
                if not self._lines:
                    break
            records += self._line(line)
            del self._buffer[: end + 1]
            self._base += end + 1
            self._searched = 0
        if len(self._buffer) > self._context.limits.max_unit:
            raise LimitExceeded("FHR-008", span=(self._base, self._base + len(self._buffer)))
        return records

    def finish(self) -> Sequence[Record]:
        """End the input; return the rest."""
        rest = bytes(self._buffer)
        self._buffer.clear()
        if not rest.strip(_BLANK):
            return []
        return self._unit(rest, final=True)

    def _is_line(self, line: bytes) -> bool:
        if line.strip(_BLANK)[-1:] != b"}":
            return False
        try:
            parse(line, max_depth=self._depth, final=False)
        except MalformedInput as error:
            return error.code not in {"FHR-002", "FHR-007"}
        except InputError:
            return True
        return True

    def _line(self, line: bytes) -> list[Record]:
        if not line.strip(_BLANK):
            return []
        try:
            return self._unit(line, final=False)
        except InputError as error:
            if self._context.strictness != "lenient":
                raise
            return self._unread(line, error.code)

    def _unread(self, line: bytes, code: str) -> list[Record]:
        span, digest = (self._base, self._base + len(line) + 1), sha256(line).hexdigest()
        provenance = Provenance(adapter=ADAPTER, version=VERSION, digest=digest, span=span)
        residue = Residue(
            id=record_id("residue", digest, span[0]), provenance=provenance, span=span, raw=line, reason=code
        )
        issue = Issue(
            id=record_id("issue", digest, span[0], code), provenance=provenance, severity="error", code=code, span=span
        )
        return [residue, issue]

    def _unit(self, data: bytes, *, final: bool) -> list[Record]:
        tree = parse(data, base=self._base, max_depth=self._depth, final=final)
        # The line end belongs to the line.
        span = (self._base, self._base + len(data) + (not final))
        if not isinstance(tree, dict) or text_of(tree, "resourceType") is None:
            raise MalformedInput("FHR-009", span=span)
        extra: list[Record] = []
        origin = Origin(sha256(data).hexdigest(), span, ChainMap({}, self._patients), self._adjust(extra))
        if tree["resourceType"] == "Bundle" and _is_bundle(tree):
            records = self._bundle(tree, origin)
        else:
            records = read_resource(tree, origin, text_of(tree, "resourceType") or "")
            self._remember(tree, records[0])
        return [*extra, *records]

    def _remember(self, tree: Tree, record: Record) -> None:
        """Keep which person a patient's reference means, for the lines to come."""
        identity = text_of(tree, "id")
        if isinstance(record, Subject) and identity is not None and len(self._patients) < _MAX_PATIENTS:
            self._patients[f"Patient/{identity}"] = ("Patient", record.id)

    def _bundle(self, tree: Tree, origin: Origin) -> list[Record]:
        entries: list[Tree] = tree.get("entry", [])
        for index, entry in enumerate(entries):
            resource = entry.get("resource")
            if isinstance(resource, dict):
                kind = text_of(resource, "resourceType") or ""
                known = (kind, identity_of(resource, origin, f"Bundle.entry[{index}]"))
                for name in (text_of(entry, "fullUrl"), f"{kind}/{text_of(resource, 'id')}"):
                    if name is not None:
                        origin.index[name] = known
        records: list[Record] = [_message(tree, origin)]
        for index, entry in enumerate(entries):
            path = f"Bundle.entry[{index}]"
            resource = entry.get("resource")
            if isinstance(resource, dict) and text_of(resource, "resourceType") is not None:
                kept = {key: value for key, value in entry.items() if key != "resource"}
                records += read_resource(resource, origin, path, (_extension("entry", kept),) if kept else ())
            else:
                records.append(_residue(entry, origin, path))
        return records

    def _adjust(self, extra: list[Record]) -> Callable[[type[Model], Tree], None]:
        """Return what the read context adds to records that say less."""
        context = self._context

        def announce(subject: Subject) -> str:
            if subject.id not in self._announced:
                self._announced.add(subject.id)
                extra.append(subject)
            return subject.id

        def adjust(model: type[Model], values: Tree) -> None:
            test = any(
                (label.system, label.code) == (HTEST["system"], HTEST["code"]) for label in values.get("labels", ())
            )
            if model is Subject:
                if test:
                    values.setdefault("confidence", "test")
                return
            if "subject" not in model.model_fields or model.__name__ in {
                "Activity",
                "Device",
                "Metric",
                "Message",
                "ClockSync",
            }:
                return
            if test and context.identity == "exclude":
                values["subject"] = announce(_stand_in())
            elif values.get("subject") is None and context.subject is not None:
                values["subject"] = announce(context.subject)
            if model.__name__ in _TIMED and values.get("time") is None and context.received is not None:
                values["time"] = context.received.replace(origin="received")

        return adjust


def _stand_in() -> Subject:
    """Return the subject of test data: nobody."""
    provenance = Provenance(adapter=ADAPTER, version=VERSION)
    return Subject(id=record_id("subject", ADAPTER, "test"), provenance=provenance, confidence="test")


def _is_bundle(tree: Tree) -> bool:
    entries = tree.get("entry", [])
    return isinstance(entries, list) and len(items(tree, "entry")) == len(entries) and "type" in tree


def _extension(path: str, tree: Any) -> Extension:
    return Extension(namespace=NAMESPACE, path=path, value=dumps(tree))


def _message(tree: Tree, origin: Origin) -> Message:
    rest = {key: value for key, value in tree.items() if key not in {"resourceType", "entry"} or value == []}
    return Message(
        id=record_id("message", origin.digest),
        provenance=origin.provenance("Bundle"),
        protocol="fhir-r4",
        type=f"Bundle.{text_of(tree, 'type')}",
        control_id=text_of(tree, "id"),
        sent=INSTANT.get(tree, "timestamp", Parse(resolve=origin.resolve)),
        extensions=(_extension("bundle", rest),),
    )


def _residue(entry: Tree, origin: Origin, path: str) -> Residue:
    return Residue(
        id=record_id("residue", origin.digest, path), provenance=origin.provenance(path), path=path, span=origin.span,
        raw=dumps(entry).encode(), reason="entry",
    )  # fmt: skip


def make_reader(context: ReadContext, /) -> FhirReader:
    """Return a reader for one source."""
    return FhirReader(context)
