"""What a Bundle holds and by which full URL, so that every reference to it resolves inside (FHIR R4 Bundle)."""

from __future__ import annotations

from typing import Any, Final

from ...errors import MalformedInput
from ...model import Message, Record, Residue, record_id
from .envelope import is_canonical_id, is_own, resource_id
from .fields import text_of
from .jsontext import MAX_DEPTH, Tree, parse
from .patch import NAMESPACE

__all__ = ["RESOURCES", "Known", "entry_of", "is_bundle", "kept_tree", "resource_of", "urn"]

RESOURCES: Final = {
    "subject": "Patient", "device": "Device", "metric": "DeviceMetric", "encounter": "Encounter",
    "order": "DiagnosticReport", "observation": "Observation", "waveform": "Observation", "clock_sync": "Observation",
    "alert": "Observation", "setting": "Observation", "event": "Observation", "message": "MessageHeader",
    "document": "DocumentReference", "association": "DeviceUseStatement", "activity": "Provenance",
    "request": "ServiceRequest", "specimen": "Specimen", "related_person": "RelatedPerson", "coverage": "Coverage",
    "condition": "Condition", "allergy": "AllergyIntolerance", "procedure": "Procedure",
    "immunization": "Immunization", "appointment": "Appointment", "prescription": "MedicationRequest",
    "account": "Account", "care_team": "CareTeam",
}  # fmt: skip
_RECENT: Final = 1 << 16
_MOST_REMEMBERED: Final = 1 << 12
_NUMEROUS: Final = frozenset({"observation", "waveform", "alert", "setting", "event"})
"""Kinds of which only the latest are remembered: at least ``_RECENT`` of them."""
_UNNAMED: Final = frozenset({"association", "activity"})
"""Kinds that no other record names."""

Name = str | tuple[str, str]
"""Type and id of a resource; with the digest of its source before it, a name that holds in that source only."""


class Known:
    """Full URLs of the resources of one Bundle.

    Parameters
    ----------
    bounded : bool
        Whether only the latest observations are remembered.
    """

    def __init__(self, bounded: bool) -> None:
        self._limit = _RECENT if bounded else None
        self._urls: dict[Name, str] = {}
        self._recent: dict[Name, str] = {}
        self._older: dict[Name, str] = {}
        self._references: dict[tuple[str, str], str] = {}

    def add(self, record: Record) -> bool:
        """Remember that the Bundle holds a record; tell whether references to it look otherwise from now on."""
        kind, identity, own = record.kind, record.id, is_own(record)
        self._references.pop((RESOURCES.get(kind, ""), identity), None)
        names = self._urls
        if kind in _NUMEROUS:
            names = self._recent
            if self._limit is not None and len(names) >= self._limit:
                self._older, self._recent = names, {}
                self._references.clear()
                names = self._recent
            if not own:
                names.setdefault("Observation/" + identity, "")
                return False
        if own:
            self._references.clear()
            self._add_own(record, names)
            return True
        resource = RESOURCES.get(kind)
        name = f"{resource}/{identity}"
        if resource is None or kind in _UNNAMED or name in names:
            return False
        names[name] = urn(identity)
        return True

    def _add_own(self, record: Record, names: dict[Name, str]) -> None:
        """Remember a resource that was FHIR already: by its record, and by the names that it had where it was read."""
        kind, identity = resource_of(record)
        if kind is None:
            return
        original = text_of(entry_of(record), "fullUrl")
        # Two resources of one record become one entry: its full URL is that of the first.
        url = self._url(f"{kind}/{record.id}")
        if url is None:
            url = original if original is not None and original.startswith("urn:") else urn(record.id)
        names[f"{kind}/{record.id}"] = url
        provenance = record.provenance
        bundled = (provenance.path or "").startswith("Bundle.")
        for name in (original, None if identity is None else f"{kind}/{identity}"):
            if name is not None:
                names[(provenance.digest or "", name) if bundled else name] = url

    def _url(self, name: Name) -> str | None:
        for names in (self._urls, self._recent, self._older):
            url = names.get(name) if names else None
            if url is not None:
                return url or urn(str(name).partition("/")[2])
        return None

    def reference(self, resource: str, target: str, /) -> str:
        """Return the reference to a record: its full URL where the Bundle holds it, else type and id."""
        found = self._references.get((resource, target))
        if found is None:
            found = self._url(f"{resource}/{target}") or f"{resource}/{resource_id(target)}"
            if len(self._references) >= _MOST_REMEMBERED:
                self._references.clear()
            self._references[resource, target] = found
        return found

    def full_url(self, resource: str, record: Record) -> str:
        """Return the full URL of a record's entry."""
        return self._url(f"{resource}/{record.id}") or urn(record.id)

    def localise(self, record: Record, tree: Tree) -> None:
        """Point the references of a resource that was FHIR already into the new Bundle."""
        stack: list[Any] = [tree]
        patient = text_of(tree.get("subject", tree.get("patient")), "reference")
        while stack:
            item = stack.pop()
            if isinstance(item, list):
                stack += item
            elif isinstance(item, dict):
                text = text_of(item, "reference")
                if text is not None:
                    item["reference"] = self._meant(record, text, text == patient) or text
                stack += item.values()

    def _meant(self, record: Record, text: str, patient: bool) -> str | None:
        """Return the full URL of what a reference means to the reader: see ``Origin.resolve``."""
        names: list[Name] = [(record.provenance.digest or "", text)]
        kind = text.rpartition("/")[0].rpartition("/")[2]
        if patient and kind == "Patient":
            # Two sources may have a Patient/1 each.
            names.append(f"Patient/{record.subject}")
        names += [f"{kind}/{record_id('fhir', text)}", text]
        return next(filter(None, map(self._url, names)), None)


def urn(identity: str) -> str:
    """Return the full URL of a record in a Bundle: its id as a UUID, the same in every process."""
    text = identity
    if not is_canonical_id(text):
        text = resource_id(identity)
        text = text if is_canonical_id(text) else record_id("fhir-url", text)
    return f"urn:uuid:{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def is_bundle(record: Record) -> bool:
    """Tell whether a record stands for a Bundle that this adapter read."""
    return isinstance(record, Message) and is_own(record) and (record.type or "").startswith("Bundle.")


def kept_tree(record: Record, path: str) -> Tree:
    """Return JSON that the reader kept beside a record."""
    for extension in record.extensions:
        if extension.namespace == NAMESPACE and extension.path == path and extension.value is not None:
            tree = parse(extension.value.encode(), max_depth=MAX_DEPTH)
            return tree if isinstance(tree, dict) else {}
    return {}


def entry_of(record: Record) -> Tree:
    """Return what the Bundle entry of a record says beside its resource."""
    return kept_tree(record, "entry")


def resource_of(record: Record) -> tuple[str | None, str | None]:
    """Return type and id of the resource that a record was read from."""
    if isinstance(record, Residue):
        tree = None
        if record.reason == "resource":
            try:
                tree = parse(record.raw, max_depth=MAX_DEPTH)
            except MalformedInput:
                tree = None
        return (text_of(tree, "resourceType"), text_of(tree, "id")) if isinstance(tree, dict) else (None, None)
    kind = None if is_bundle(record) else RESOURCES.get(record.kind)
    for extension in record.extensions:
        if extension.namespace == NAMESPACE and extension.path.partition("@")[0] == "/id":
            value = None if extension.value is None else parse(extension.value.encode())
            return kind, value if isinstance(value, str) else None
    return kind, resource_id(record.id)
