"""What is left of records when everything that a message cannot say, or says in another way, is set aside.

``normal`` is the stated normalisation under which canonical to PCD-01 to canonical is the identity:

- records are compared by what they say: provenance is set aside, and ids are made of the content, references
  included; so is the order of records;
- what the table of the writer has no place for is set aside: it is in the losses;
- issues and residue speak of the old text; the header's own type, version, control id, character set and profile
  belong to the new message;
- nodes of the containment tree that nobody typed are implied by the addresses below them;
- a text is a text whatever type it has (ST, TX, FT), also one that stood in the place of a number or of samples;
- a visit without a class is of class ``U``, an order without a code is monitoring, a message without a sender is ours;
- a written time has the text of the new message; ``Z`` is ``+00:00``;
- an unknown status is that of a device's value that nobody verified; a missing sample has no reason;
- an order that nobody numbered has the number that this writer gave it;
- what an alert said in the source's words beside the parts that have words of their own;
- the codings of a concept are a set: MDC comes first in a PCD-01 message.

Records of other sources are compared by ``facts``: what was measured, of whom, when, by which device.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from iomt_interop import model as m
from iomt_interop.adapters.hl7v2_pcd01.header import APPLICATION, NAMELESS
from iomt_interop.adapters.hl7v2_pcd01.tables import ABSENCE_FLAGS, FLAG_CODES, SAID, VERBATIM_TYPES
from iomt_interop.adapters.hl7v2_pcd01.writer import MessageWriter, make_alert_writer, make_writer
from iomt_interop.model.base import Model
from iomt_interop.plugins import ReadContext, WriteContext, default_registry
from iomt_interop.terminology import loinc, mdc, systems

PROVENANCE = m.Provenance(adapter="", version="")
MONITORED = m.Concept(codings=(m.Coding(system=systems.SNOMED_CT, code="182777000", display="monitoring of patient"),))
REFERENCES = ("subject", "encounter", "order", "device", "gateway", "metric", "parent", "source_metric")
ENVELOPE = ("kind", "id", "schema_version", "provenance", "subject", "extensions", "labels", "names", "resolution")
_NOBODY = m.PersonName(native_type=NAMELESS[-1])
MESSAGE_OWN = ("type", "version", "control_id", "character_set", "profiles", "processing")


def read(data: bytes, **context: Any) -> list[Any]:
    reader = default_registry().get("hl7v2_oru").reader_factory()(ReadContext(identity="keep", **context))
    return [*reader.feed(data), *reader.finish()]


def written(records: Iterable[Any], to: str = "hl7v2_pcd01", **context: Any) -> tuple[bytes, MessageWriter]:
    make = make_alert_writer if to == "hl7v2_pcd04" else make_writer
    writer = make(WriteContext(**({"include_test_data": True} | context)))
    return b"".join(writer.write(records)), writer


def segments(data: bytes, name: str) -> list[list[str]]:
    """Return the fields of the segments of a name, number n at index n."""
    found = [line.split("|") for line in data.decode().split("\r") if line.startswith(name + "|")]
    return [[*fields[:1], "|", *fields[1:]] if name == "MSH" else fields for fields in found]


def normal(records: Iterable[Any], *, drop: Iterable[str] = ()) -> list[Any]:
    """Return the records as the docstring of this module says, sorted."""
    kept = [record for record in records if record.kind in SAID and record.kind not in drop]
    by_id = {record.id: record for record in kept}
    ids: dict[str, str] = {}

    def content_id(identity: str | None) -> str | None:
        if identity is None or identity not in by_id:
            return None
        if identity not in ids:
            ids[identity] = "..."  # a cycle would be no tree
            ids[identity] = plain(by_id[identity]).id
        return ids[identity]

    def plain(record: Any) -> Any:
        changes: dict[str, Any] = {"id": "", "provenance": PROVENANCE, "extensions": ()}
        changes |= {n: content_id(getattr(record, n)) for n in REFERENCES if isinstance(getattr(record, n, None), str)}
        changes |= dict.fromkeys(("links", "labels"), ())
        fields = {name: _part(getattr(record, name)) for name in type(record).model_fields if name != "kind"}
        changed = type(record)(**(fields | changes | _kind(record, content_id)))
        return changed.replace(id=m.record_id(changed.model_dump_json(exclude={"id"})))

    def implied(record: Any) -> bool:
        return record.kind == "device" and record.type is None and not record.identifiers and record.node != "gateway"

    found = {each.id: each for record in kept if not implied(record) for each in [plain(record)]}
    return sorted(found.values(), key=_order)


def _order(record: Any) -> tuple[str, ...]:
    """Sort by what is likely to be the same on both sides, so that a difference shows where it is."""
    code = getattr(record, "code", None)
    first = "" if code is None or not code.codings else repr([(c.code, c.refid) for c in code.codings])
    return (
        record.kind,
        getattr(record, "handle", None) or "",
        first,
        getattr(record, "native_type", None) or "",
        record.id,
    )


def _kind(record: Any, content_id: Callable[[str | None], str | None]) -> dict[str, Any]:
    fields = type(record).model_fields
    unsaid = [name for name in fields if name not in SAID[record.kind] and name not in ENVELOPE]
    changes: dict[str, Any] = {name: fields[name].get_default(call_default_factory=True) for name in unsaid}
    if record.kind == "message":
        changes |= {name: type(record).model_fields[name].default for name in MESSAGE_OWN}
    if (
        getattr(record, "native_type", None) not in VERBATIM_TYPES - {"SN"}
        and "native_type" in type(record).model_fields
    ):
        changes["native_type"] = None
    if hasattr(record, "native_status") and record.status == "unknown":
        changes |= {"status": "preliminary", "native_status": "R"}
    if record.kind == "alert":
        changes["native"] = ()
    if record.kind == "subject":
        changes["names"] = tuple(_part(name) for name in record.names if name != _NOBODY)
    if record.kind == "encounter" and record.patient_class is None:
        changes["patient_class"] = m.Coding(system=systems.v2_table("0004"), code="U")
    if record.kind == "order" and record.code == MONITORED:
        changes["code"] = None
    if record.kind == "message" and record.sender is not None:
        named = [i.authority or i.value for i in record.sender.identifiers]
        changes["sender"] = None if APPLICATION in named else changes.get("sender", _part(record.sender))
    if record.kind == "order":
        changes |= {name: _stated(getattr(record, name)) for name in ("placer", "filler")}
    if record.kind == "waveform":
        runs = (run.replace(marks=bytes(map(bool, run.marks))) if run.marks else run for run in record.segments)
        channels = [_part(channel).replace(metric=content_id(channel.metric)) for channel in record.channels]
        changes["channels"] = tuple(channels)
        changes["segments"] = tuple(_part(run) for run in runs)
    return changes


def _stated(identifiers: Iterable[m.Identifier]) -> tuple[m.Identifier, ...]:
    return tuple(i for i in identifiers if i.authority != APPLICATION)


def _part(part: Any) -> Any:
    if isinstance(part, tuple):
        return tuple(_part(each) for each in part)
    if not isinstance(part, Model):
        return part
    changes = {name: _part(getattr(part, name)) for name in type(part).model_fields if name != "type"}
    match part:
        case m.Instant():
            value = part.value.replace("Z", "+00:00")
            changes |= {"value": value, "native": None, "clock_sync": None}
        case m.Concept():
            codings = {(c.system or c.native_system, c.code, c.refid): c for c in changes["codings"]}
            changes["codings"] = tuple(codings[key] for key in sorted(codings, key=repr))
            changes["type"] = None
            del changes["type"]
        case m.Quantity() if part.comparator is not None or part.exponent > 0:
            changes |= {"literal": None, "exponent": min(part.exponent, 0)}
            changes["mantissa"] = part.mantissa * 10 ** max(part.exponent, 0)
        case m.Range() if part.low is not None and part.high is not None:
            changes["text"] = None
        case m.Absent() if part.reason == "as-text":
            return m.TextValue(text=part.native or "", format="")
        case m.TextValue():
            kind = part.format if part.format in VERBATIM_TYPES else ""
            changes |= {"format": kind}
        case m.Identifier() if part.type is not None:
            table = part.type.coding(systems.v2_table("0203"))
            changes["type"] = None if table is None else m.Concept(codings=(table,))
            return m.Identifier(**changes)
        case m.Quality():
            changes["native"] = ()
        case _:
            pass
    if "type" in type(part).model_fields:
        changes["type"] = _part(part.type)
    return type(part)(**changes)


def facts(records: Iterable[Any]) -> list[tuple[Any, ...]]:
    """Return what the results say, of whom, when, and by which equipment; sorted."""
    known = {record.id: record for record in records}
    subjects = {id_: r.identifiers for id_, r in known.items() if r.kind == "subject"}

    def who(record: Any) -> Any:
        if record.subject is None:
            return None
        found = subjects.get(record.subject)  # a person without a record is known by the record's id
        return [record.subject] if found is None else [i.value for i in found]

    def equipment(record: Any) -> Any:
        device = known.get(record.device or "")
        while device is not None:
            eui = [i.value for i in device.identifiers if i.system == systems.EUI64 and i.value]
            if eui:
                return eui[0]
            device = known.get(device.parent or "")
        return None

    found = []
    for record in known.values():
        if record.kind == "observation" and _code(record.code) not in _DESCRIBES:
            found.append(
                (
                    _code(record.code),
                    _said(record.value),
                    tuple((_code(c.code), _said(c.value), _flags(c.quality, c.value)) for c in record.components),
                    _moment(record.time),
                    record.status if record.status != "unknown" else "preliminary",
                    _flags(record.quality, record.value),
                    # "<" and ">" are both a flag of the measurement and a judgement of its value.
                    tuple(sorted({code for c in record.interpretation if (code := _code(c))} - {"<", ">"})),
                    None if record.body_site is None else _code(record.body_site),
                    tuple(note.text for note in record.notes),
                    equipment(record),
                    who(record),
                )
            )
    return sorted(found, key=repr)


_DESCRIBES = ("MDC_ID_MODEL_MANUFACTURER", "MDC_ID_MODEL_NUMBER", "MDC_ID_PROD_SPEC_SERIAL")


def _code(concept: m.Concept) -> str | None:
    own = concept.coding(systems.MDC)
    if own is not None:
        return own.refid or own.code
    first = concept.codings[0] if concept.codings else None
    known = loinc.mdc_of(first.code or "") if first is not None and first.system == systems.LOINC else None
    if known is not None:
        return mdc.refid_of(known)
    return concept.text if first is None else first.code or first.display


def _moment(time: Any) -> Any:
    if isinstance(time, m.Interval):
        return _moment(time.start), _moment(time.end)
    return None if time is None else time.value.replace("Z", "+00:00")


def _flags(quality: m.Quality | None, value: Any) -> tuple[str, ...]:
    flags = {FLAG_CODES[flag] for flag in quality.flags if flag in FLAG_CODES} if quality is not None else set()
    if quality is not None and quality.mode in ("test", "demo") and not flags & {"TEST", "DEMO"}:
        flags.add(quality.mode.upper())
    if isinstance(value, m.Absent) and not flags & {"NAV", "INV", "CAL", ">", "<", "BUSY", "NI", "QUES"}:
        flags |= {ABSENCE_FLAGS[value.reason]} if value.reason in ABSENCE_FLAGS else set()
    return tuple(sorted(flags))


def _said(value: Any) -> Any:
    match value:
        case m.Absent() if value.reason == "as-text":
            return value.native
        case None | m.Absent():
            return "absent"
        case m.Quantity() if value.special is not None:
            return "absent"
        case m.Quantity():
            number = f"{value.mantissa}{'0' * value.exponent}" if value.exponent > 0 else value.text
            return number, value.comparator, value.unit or (value.native_unit and value.native_unit.code)
        case m.CodedValue():
            return tuple(_code(concept) for concept in value.concepts)
        case m.TextValue():
            return value.text
        case m.Range():
            return _said(value.low), _said(value.high)
        case m.Ratio():
            return _said(value.numerator), _said(value.denominator)
        case m.TimeValue():
            return _moment(value.time)
        case m.TimeOfDayValue():
            return value.value
        case m.AttachmentValue():
            return value.data, value.url
        case m.BooleanValue():
            return ("Y" if value.value else "N",)
        case m.BitSetValue():
            return value.width, value.bits, value.mask
    raise AssertionError(type(value))
