"""PCD-04: an alert as the OBX that are its parts (IHE PCD TF-2 3.4.4.1.2)."""

from __future__ import annotations

from typing import Final

from ...model import Alert, Concept
from ...wire.hl7v2.compose import is_verbatim, leaf, repetitions
from .datatypes import Lost, coded
from .keeping import is_own, whole_segments
from .tables import ALERT_PARTS, ALERT_WORDS, SIGNAL_WORDS
from .values import range_text, say

__all__ = ["ALARM_EVENT", "alert_parts"]

ALARM_EVENT: Final = "196616^MDC_EVT_ALARM^MDC"
"""OBR-4."""

_EVENT: Final = "196616^MDC_EVT_ALARM^MDC"
"""OBR-4."""

FIELDS: Final = frozenset({"limits", "value"})
"""Fields of an alert that facet 1 holds."""


def _native(record: Alert, refid: str) -> str:
    """Return what the source wrote in a part that the model has no word for."""
    for text in whole_segments(record.extensions, "OBX"):
        fields = [*text.split("|"), *[""] * 6]
        if refid in fields[3].split("^") and is_verbatim(fields[5]):
            return fields[5]
    return ""


def alert_parts(record: Alert, lost: Lost) -> list[dict[int, str]]:
    """Return the fields of each part, without address, time and equipment; empty for one that nobody stated."""
    event = {
        2: "ST",
        3: ALARM_EVENT if record.code is None else coded(record.code, device=True).text,
        5: leaf(record.text),
    }
    limits = "" if record.limits is None else range_text(record.limits, lost, own=is_own(record))
    evidence = _evidence(record, lost)
    if evidence is None:
        event[7] = limits
    else:
        evidence[7] = limits
    if not event[5]:
        event[2] = ""
    words = [ALERT_WORDS[name].get(getattr(record, name) or "", "") for name in ALERT_WORDS]
    event[8] = "~".join(word for word in words if word)
    parts = [event]
    for name, code in ALERT_PARTS:
        if name == "source" and evidence is not None:
            parts.append(evidence)
            continue
        text = _part(record, name, code.split("^")[1], lost)
        kind = "CWE" if name == "source" and "^" in text else "ST"
        parts.append({2: kind, 3: code, 5: text} if text else {})
    return parts


def _evidence(record: Alert, lost: Lost) -> dict[int, str] | None:
    """Return facet 2 as the measurement that raised the alert; ``None`` where there is no value of it."""
    if record.value is None:
        return None
    if record.source is None or not record.source.codings:
        lost("value", "a value without the code of what was measured")
        return None
    said = say(record.value, None, lost, own=is_own(record))
    return {2: said.kind, 3: coded(record.source, device=True).text, 5: said.text, 6: said.unit, 8: said.flag}


def _inactivation(record: Alert, lost: Lost) -> str:
    """Return what is paused, off or acknowledged: in the source's words, else in those of PCD-04."""
    if record.inactivation is not None:
        return repetitions(map(leaf, record.inactivation.split("~")))
    words = []
    for signal in record.signals:
        word = SIGNAL_WORDS.get((signal.manifestation, signal.activation))
        if word is not None:
            words.append(word)
        if word is None or signal.presence is not None or signal.location is not None:
            lost("signals", "PCD-04 has no word for it")
    answer = record.acknowledgement
    if answer is not None:
        if answer.state == "acknowledged":
            words.append("alert-acknowledged")
        if answer.state != "acknowledged" or answer.by is not None or answer.time is not None:
            lost("acknowledgement", "PCD-04 says of it that there was one")
    return repetitions(words)


def _part(record: Alert, name: str, refid: str, lost: Lost) -> str:
    found = getattr(record, name)
    if name == "inactivation":
        return _inactivation(record, lost) or _native(record, refid)
    if found is None:
        return _native(record, refid)
    if isinstance(found, Concept):
        if not found.codings:
            return leaf(found.text)
        text = coded(found, device=True)
        if not text.whole:
            lost(name, "more codings or texts than the field has places")
        return text.text
    word = ALERT_WORDS.get(name, {}).get(found, None if name in ALERT_WORDS else found)
    if word is None:
        lost(name, "PCD-04 has no word for it")
        return ""
    return leaf(word)
