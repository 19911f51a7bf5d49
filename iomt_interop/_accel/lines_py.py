"""Lines of FHIR resources of records that were cast from moulds: the hot loops of the writer, in readable form.

``ext/lines.pyx`` holds the same functions compiled. Whoever calls them gives them a desk (``fhir_r4``'s ``Casts``): the
texts that moulds know, with gaps for what differs, and what the writer remembers of the records so far.
"""

from __future__ import annotations

from typing import Any, Final

from .fhirjson_py import decimal_text, filled

__all__ = ["lines", "told"]

_HEX: Final = frozenset("0123456789abcdef")


def _mould(record: Any) -> Any:
    """Return what a record was cast from, or None."""
    return getattr(record.__pydantic_fields_set__, "mould", None)


def _plain_id(identity: Any) -> bool:
    """Tell whether a text is an id as this library makes them, which FHIR allows."""
    return type(identity) is str and len(identity) == 32 and _HEX.issuperset(identity)


def _cast_text(text: Any, values: Any, shared: tuple[Any, ...], casts: Any, number: Any) -> str | None:
    """Return the line of a record whose text is known but for what differs; None when it must be written otherwise."""
    source = casts.sources.text(values["provenance"]) if values["provenance"].span is not None else None
    given = (values["id"], source, *shared)
    if number is not None:
        given += (decimal_text(number["mantissa"], number["exponent"]),)
    if any(given[gap] is None for gap in text[1]):
        return None
    return filled(text[0], text[1], given) + "\n"


def lines(records: list[Any], at: int, out: list[Any], casts: Any) -> tuple[int, int]:
    """Write records that were cast from moulds whose texts are known, until one comes that is anything else.

    Parameters
    ----------
    records : list of Record
        What is written.
    at : int
        The first of them.
    out : list
        Gets the lines of observations, and of devices and metrics, which may come again, what holds them.
    casts : Casts
        The texts; the records that are held; the nodes of devices; reports, whose observations are counted here.

    Returns
    -------
    int
        The first record that must be written otherwise; the number of records when there is none.
    int
        Length of the lines.
    """
    observation, device, metric, quantity = casts.kinds
    hold, size = casts.hold, 0
    if at < 0:
        raise ValueError("at")
    for index in range(at, len(records)):
        record = records[index]
        kind, values = type(record), record.__dict__
        if kind is not observation and kind is not device and kind is not metric:
            return index, size
        if values["provenance"].adapter == casts.own:
            return index, size
        if kind is observation:
            text = _result(values, _mould(record), casts, quantity)
            if text is None:
                return index, size
            out.append(text)
            size += len(text)
            report = casts.orders.get(values["order"])
            if report is not None:
                report[1]["Observation/" + values["id"]] = None
            continue
        key = (values["kind"], values["id"])
        if values["labels"] or values["subject"] in casts.excluded or len(hold.held) >= hold.limit or key in hold.held:
            return index, size
        if kind is device:
            casts.nodes[values["id"]] = values["node"]
        hold.count += 1
        hold.held[key] = held = casts.fresh(record, hold.count)
        out.append(held)
    return len(records), size


def _result(values: Any, mould: Any, casts: Any, quantity: type[Any]) -> str | None:
    """Return the line of an observation."""
    if mould is None or values["subject"] in casts.nobody or not _plain_id(values["id"]):
        return None
    context, amount, device = casts.look(values), values["value"], values["device"]
    if context is None or type(amount) is not quantity or amount.literal is not None:
        return None
    personal = device is not None and casts.nodes.get(device) in casts.personal
    text = mould.notes.get(context[1] if personal else context[0])
    if text is None or _mould(amount) is not text[2]:
        return None
    return _cast_text(text, values, context[2], casts, amount.__dict__)


def told(items: list[Any], casts: Any) -> list[Any]:
    """Let devices and metrics go that are held, where their moulds know their text.

    Parameters
    ----------
    items : list
        What stands in a payload.
    casts : Casts
        As for :func:`lines`.

    Returns
    -------
    list
        The items; lines that follow each other are one text, and what others have let go is missing.
    """
    out: list[Any] = []
    run: list[str] = []
    for item in items:
        line = item if type(item) is str else None
        if type(item) is casts.fresh:
            if item.gone:
                continue
            line = _told(item, casts)
        if line is not None:
            run.append(line)
            continue
        if run:
            out.append("".join(run))
            run = []
        out.append(item)
    return [*out, "".join(run)] if run else out


def _told(held: Any, casts: Any) -> str | None:
    """Return the line of a device or metric that is held, and let it go; None when it must be written otherwise."""
    values, mould = held.latest.__dict__, _mould(held.latest)
    if mould is None or held.versions is not None:
        return None
    subject, key = casts.person_of(values["subject"])
    text = None if key is None or values["provenance"].adapter == casts.own else mould.notes.get(key)
    if text is None or (text[3] and not _plain_id(values["id"])):
        return None
    line = _cast_text(text, values, (subject,), casts, None)
    held.gone = line is not None
    return line
