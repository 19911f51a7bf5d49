"""What the patient's report says, as data: taken from their records, the audit trail and the policy file."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from ...errors import ModelError
from ...model import Concept, Day, Instant, Interval, Observation, Quantity, Record, Subject
from ..agreements import Policy
from ..audit.accounting import AccessReport, Disclosure, access_report, accounting
from ..audit.sink import AuditRecord
from ..consent import Consent
from ..inventory import DeviceEntry, inventory
from .plot import Point
from .words import PURPOSES

__all__ = ["ConsentLine", "PatientReport", "Series", "Stored", "consent_line", "gather"]

_MAX_POWER: Final = 30
"""Numbers beyond ten to this power are told, not drawn."""


@dataclass(frozen=True, slots=True)
class Stored:
    """How many records of a kind there are, and of which period."""

    kind: str
    records: int
    first: str | None
    last: str | None


@dataclass(frozen=True, slots=True)
class Series:
    """The values of one quantity in one unit, in the order of time."""

    label: str
    unit: str
    points: tuple[Point, ...] = field(repr=False)
    first: str
    last: str
    """Texts of the times of the first and the last value."""
    latest: str = field(repr=False)
    """The last value as it was written."""
    local: bool
    """Whether some times state no offset and are drawn as the device told them."""
    undrawn: int
    """Values without a time, or that are no finite number."""


@dataclass(frozen=True, slots=True)
class ConsentLine:
    """A consent as the person knows it."""

    title: str
    state: str
    since: str | None
    digest: str | None = None
    """SHA-256 of the document, by which the audit trail names it."""


@dataclass(frozen=True, slots=True)
class PatientReport:
    """Everything that the page shows."""

    made: str
    person: tuple[tuple[str, str], ...] = field(repr=False)
    stored: tuple[Stored, ...]
    devices: tuple[DeviceEntry, ...] = field(repr=False)
    series: tuple[Series, ...]
    texts: tuple[tuple[str, int], ...] = field(repr=False)
    """Observations that are no numbers: what, and how often."""
    access: AccessReport
    disclosures: tuple[Disclosure, ...]
    consents: tuple[ConsentLine, ...]
    policy: Policy | None = field(repr=False)


def gather(
    records: Iterable[Record],
    trail: Iterable[AuditRecord],
    *,
    handle: str | None,
    made: datetime,
    policy: Policy | None = None,
    consents: Sequence[ConsentLine] = (),
) -> PatientReport:
    """Collect what a person's report says.

    Parameters
    ----------
    records : iterable of Record
        The person's records.
    trail : iterable of AuditRecord
        The audit trail, of everybody; what is of others is passed over.
    handle : str, optional
        The person's handle in the trail; without one the report says that nothing is known.
    made : datetime
        When the report is made, with offset; the accounting reaches back from it.
    policy : Policy, optional
        Who is responsible and who the recipients are.
    consents : sequence of ConsentLine
        The person's consents.
    """
    known = list(records)
    log = [record for record in trail if handle is not None and handle in record.subjects]
    texts: Counter[str] = Counter()
    return PatientReport(
        made=made.isoformat(timespec="seconds"),
        person=tuple(_person(known)),
        stored=tuple(_stored(known)),
        devices=tuple(inventory(known)),
        series=tuple(_series(known, texts)),
        texts=tuple(sorted(texts.items())),
        access=access_report(log, handle or ""),
        disclosures=tuple(accounting(log, handle or "", made)),
        consents=tuple(consents),
        policy=policy,
    )


def consent_line(consent: Consent) -> ConsentLine:
    """Say in a line what a consent is about; a page for its person does not replace the document."""
    rule = consent.provision
    verb = {"permit": "You permit", "deny": "You refuse"}.get((rule and rule.type) or "", "It is about")
    purposes = (
        [PURPOSES.get(coding.code or "", coding.display or coding.code or "") for coding in rule.purposes]
        if rule
        else []
    )
    title = f"{verb} the use of your data" + (f" for {', '.join(purposes)}" if purposes else "")
    if rule and rule.exceptions:
        title += f", with {len(rule.exceptions)} exceptions" if len(rule.exceptions) > 1 else ", with an exception"
    return ConsentLine(title, consent.status, consent.time.value if consent.time else None, consent.id)


def _person(records: list[Record]) -> list[tuple[str, str]]:
    found: dict[tuple[str, str], None] = {}
    for record in records:
        if not isinstance(record, Subject):
            continue
        for name in record.names:
            whole = name.text or " ".join(filter(None, (*name.prefix, *name.given, name.own_prefix, name.family)))
            found["Name", whole] = None
        for identifier in record.identifiers:
            if identifier.value:
                issuer = identifier.authority or identifier.system
                found["Identifier", f"{identifier.value} ({issuer})" if issuer else identifier.value] = None
        if record.birth_date is not None:
            found["Date of birth", record.birth_date.value] = None
    return [line for line in found if line[1]]


def _stored(records: list[Record]) -> list[Stored]:
    counts: Counter[str] = Counter()
    times: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for record in records:
        counts[record.kind] += 1
        for placed in _placed(getattr(record, "time", None)):
            times[record.kind].append(placed[:2])
    lines = []
    for kind, number in sorted(counts.items()):
        period = sorted(times[kind])
        lines.append(Stored(kind, number, period[0][1] if period else None, period[-1][1] if period else None))
    return lines


def _placed(time: object) -> list[tuple[int, str, bool]]:
    """Return nanoseconds, text, and whether it is local, of every instant of a time."""
    if isinstance(time, Interval):
        return [place for end in (time.start, time.end) for place in _placed(end)]
    if isinstance(time, Day):
        return _placed(Instant(value=time.value))
    if not isinstance(time, Instant):
        return []
    local = time.offset_minutes is None
    try:
        moment = (Instant(value=time.value + "Z") if local else time).utc_ns
    except ModelError:
        return []
    return [] if moment is None else [(moment, time.value, local)]


@dataclass(slots=True)
class _Draft:
    """A series in the making."""

    points: list[tuple[int, str, bool, Quantity]] = field(default_factory=list)
    undrawn: int = 0


def _series(records: list[Record], texts: Counter[str]) -> list[Series]:
    drafts: dict[tuple[str, str], _Draft] = defaultdict(_Draft)
    for record in records:
        if not isinstance(record, Observation):
            continue
        for code, value in ((record.code, record.value), *((part.code, part.value) for part in record.components)):
            if isinstance(value, Quantity):
                draft = drafts[label_of(code), _unit(value)]
                placed = _placed(record.time)
                drawable = value.special is None and len(str(value.mantissa)) + abs(value.exponent) <= _MAX_POWER
                if placed and drawable:
                    draft.points.append((*placed[0], value))
                else:
                    draft.undrawn += 1
            elif value is not None:
                texts[label_of(code)] += 1
    return [_finished(label, unit, draft) for (label, unit), draft in sorted(drafts.items())]


def _finished(label: str, unit: str, draft: _Draft) -> Series:
    ordered = sorted(draft.points, key=lambda point: point[0])
    return Series(
        label=label,
        unit=unit,
        points=tuple((moment, value.to_decimal()) for moment, _, _, value in ordered),
        first=ordered[0][1] if ordered else "",
        last=ordered[-1][1] if ordered else "",
        latest=f"{ordered[-1][3].comparator or ''}{ordered[-1][3].text}" if ordered else "",
        local=any(local for _, _, local, _ in ordered),
        undrawn=draft.undrawn,
    )


def _unit(value: Quantity) -> str:
    native = value.native_unit
    return value.unit or (native and (native.display or native.code)) or ""


def label_of(concept: Concept) -> str:
    """Return a concept in words: its text, a display, the words of its reference id, its code."""
    if concept.text:
        return concept.text
    for coding in concept.codings:
        if coding.display and not coding.display.startswith("MDC_"):
            return coding.display
    for coding in concept.codings:
        name = coding.refid or coding.display
        if name:
            words = name.removeprefix("MDC_").replace("_", " ").lower()
            return words[:1].upper() + words[1:]
    return next((coding.code for coding in concept.codings if coding.code), "something without a name")
