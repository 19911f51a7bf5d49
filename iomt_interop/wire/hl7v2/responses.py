"""Answers of applications that say more than an acknowledgement: to orders to give (RRG^O16), to queries (RSP^K..).

Each is MSH, MSA and ERR as :func:`~iomt_interop.wire.hl7v2.ack.acknowledge` writes them, in the request's delimiters
and character set, and then what the standard wants back of the request. What an application decided comes from the
caller.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from typing import Final

from ...errors import InvalidRequest
from .ack import AckError, Writer, encoded
from .compose import SYNTAX
from .message import Message, Part, Segment
from .parse import parse
from .structure import KNOWN, definitions, nearest_version, structure_of_event

__all__ = ["QUERY_STATUSES", "answer_query", "give_answer", "respond"]

QUERY_STATUSES: Final = frozenset({"OK", "NF", "AE", "AR"})
"""QAK-2 (table 0208): found, nothing found, an error of the query, refused."""

_GIVES: Final = {"O15": ("RRG", "O16", "RRG_O16"), "O01": ("RRG", "O02", "RRG_O02")}
"""Event of an order to give to MSH-9 of its answer; the second until version 2.3.1."""
_DETAIL: Final = frozenset({"RXG", "TQ1", "TQ2", "RXR", "RXC"})
_TIMING: Final = frozenset({"TQ1", "TQ2"})
_TIMED: Final = "2.5"
"""Since this version TQ1 belongs to RXG, and is required behind it."""
_QUERY: Final = re.compile(r"Q(\d\d)")
_WITH_RCP: Final = frozenset({"RSP_K25", "RSP_K31"})
_TEXT: Final = "MSH|^~\\&|\r"


def respond(
    message: Message, code: str, kind: Sequence[str], *, control_id: str, at: str, errors: Sequence[AckError] = (),
    segments: Sequence[Segment | str] = (),
) -> bytes:  # fmt: skip
    r"""Return an answer of any kind: MSH, MSA, ERR for each error, then the segments that are given.

    Parameters
    ----------
    message : Message
        The request.
    code : str
        MSA-1, one of :data:`~iomt_interop.wire.hl7v2.ack.CODES`.
    kind : sequence of str
        MSH-9: message type, event, structure; the last is left out before version 2.3.1.
    control_id, at : str
        MSH-10 and MSH-7 of the answer.
    errors : sequence of AckError, optional
        What was wrong.
    segments : sequence of Segment or str, optional
        Segments of the request, which come back as they are, and composed ones in the standard's own delimiters
        (:func:`iomt_interop.wire.hl7v2.compose.segment`), which are written in those of the request.

    Raises
    ------
    InvalidRequest
        ``USE-001`` when a part cannot be written.

    Examples
    --------
    >>> from iomt_interop.wire import hl7v2
    >>> from iomt_interop.wire.hl7v2.responses import respond
    >>> request = hl7v2.parse(b"MSH|^~\\&|PUMP|ICU|EHR|H|20260101||ORM^O01^ORM_O01|42|P|2.5\rORC|NW|7\r")
    >>> kind = ("ORR", "O02", "ORR_O02")
    >>> respond(request, "AA", kind, control_id="A1", at="2026", segments=["ORC|OK|7"]).split(b"\r")[2]
    b'ORC|OK|7'
    """
    writer = Writer(message, message.segment("MSH"))
    data = writer.begin(code, control_id=control_id, at=at, errors=errors, kind=kind)
    return encoded(message, data + b"".join(_written(each, writer) for each in segments))


def give_answer(
    message: Message, code: str, *, control_id: str, at: str, errors: Sequence[AckError] = (),
    unable: Collection[int] = (),
) -> bytes:  # fmt: skip
    r"""Return RRG^O16, the answer to an order to give (RGV^O15, IHE PCD-03), for all its orders.

    Each ORC comes back with its order control changed (table 0119): ``OK``, and RXG with its timing, route and
    components behind it where the order is accepted; ``UA`` alone where it is not. RXG stays away as well where the
    request lacks TQ1 or RXR, without which the answer's structure does not allow it. The person (PID) is not repeated;
    the order's numbers tell which it is.

    Parameters
    ----------
    message, code, control_id, at, errors
        As those of :func:`respond`. With another code than ``AA`` no order is accepted.
    unable : collection of int, optional
        Numbers, from 1, of orders that are not accepted though the message is.

    Raises
    ------
    InvalidRequest
        ``USE-001`` when the request is no order to give, or a part cannot be written.

    Examples
    --------
    >>> from iomt_interop.wire import hl7v2
    >>> from iomt_interop.wire.hl7v2.responses import give_answer
    >>> request = hl7v2.parse(b"MSH|^~\\&|P|H|PUMP|ICU|20260101||RGV^O15^RGV_O15|42|P|2.6\rORC|RE|7^P\rRXG|1|||2^x^L\r")
    >>> give_answer(request, "AE", control_id="A1", at="2026").split(b"\r")[1:-1]
    [b'MSA|AE|42', b'ORC|UA|7^P']
    """
    header = message.segment("MSH")
    event = "" if header is None else header.field(9)[1][2].text.strip()
    if header is None or header.field(9)[1][1].text.strip() != "RGV" or event not in _GIVES:
        raise InvalidRequest("USE-001", path="MSH-9", hint="an order to give: RGV^O15")
    writer = Writer(message, header)
    data = writer.begin(code, control_id=control_id, at=at, errors=errors, kind=_GIVES[event])
    for number, (order, detail) in enumerate(_orders(message), 1):
        fine = code == "AA" and number not in unable
        fields = [writer.field(part) for part in order]
        data += writer.segment([b"ORC", b"OK" if fine else b"UA", *fields[1:]])
        if fine:
            data += b"".join(_written(each, writer) for each in _allowed(detail, message.version))
    return encoded(message, data)


def answer_query(
    message: Message, code: str, *, status: str, control_id: str, at: str, errors: Sequence[AckError] = (),
    hits: tuple[int, int, int] | None = None, segments: Sequence[Segment | str] = (),
) -> bytes:  # fmt: skip
    r"""Return the answer to a query (QBP^Qnn to RSP^Knn, ch. 5.3, 5.5): MSH, MSA, ERR, QAK, QPD as it came, the rows.

    Parameters
    ----------
    message, code
        As those of :func:`respond`.
    status : str
        QAK-2, one of :data:`QUERY_STATUSES`.
    control_id, at, errors
        As those of :func:`respond`.
    hits : tuple of int, optional
        QAK-4 to QAK-6: how many there are, how many are in this answer, how many remain.
    segments : sequence of Segment or str, optional
        What was found.

    Raises
    ------
    InvalidRequest
        ``USE-001`` when the request is no query by parameter, or a part cannot be written.

    Examples
    --------
    >>> from iomt_interop.wire import hl7v2
    >>> from iomt_interop.wire.hl7v2.responses import answer_query
    >>> query = hl7v2.parse(
    ...     b"MSH|^~\\&|GW|ICU|PDQ|H|20260101||QBP^Q22^QBP_Q21|42|P|2.5\rQPD|Q22^Find^HL7|tag1|@PID.3.1^17\rRCP|I\r"
    ... )
    >>> found = ["PID|1||17"]
    >>> answer = answer_query(query, "AA", status="OK", hits=(1, 1, 0), control_id="A1", at="2026", segments=found)
    >>> for line in answer.decode().splitlines():
    ...     print(line)
    MSH|^~\&|PDQ|H|GW|ICU|2026||RSP^K22^RSP_K21|A1|P|2.5
    MSA|AA|42
    QAK|tag1|OK|Q22^Find^HL7|1|1|0
    QPD|Q22^Find^HL7|tag1|@PID.3.1^17
    PID|1||17
    """
    if status not in QUERY_STATUSES:
        raise InvalidRequest("USE-001", path="status", hint="a code of table 0208")
    header, parameters = message.segment("MSH"), message.segment("QPD")
    event = None if header is None else _QUERY.fullmatch(header.field(9)[1][2].text.strip())
    if header is None or parameters is None or event is None or header.field(9)[1][1].text.strip() != "QBP":
        raise InvalidRequest("USE-001", path="MSH-9", hint="a query by parameter: QBP^Qnn with QPD")
    answered = f"K{event[1]}"
    structure = _structure(answered, message.version)
    writer = Writer(message, header)
    data = writer.begin(code, control_id=control_id, at=at, errors=errors, kind=("RSP", answered, structure))
    tag, name = (writer.field(parameters.field(number)) for number in (2, 1))
    data += writer.segment([b"QAK", tag, status.encode(), name, *(b"%d" % number for number in hits or ())])
    control = message.segment("RCP") if structure in _WITH_RCP else None
    told = [parameters, *([] if control is None else [control]), *segments]
    return encoded(message, data + b"".join(_written(each, writer) for each in told))


def _structure(event: str, version: str) -> str:
    """Return the structure of an answer in its version; some events share that of the event before them."""
    tables = definitions(version)
    own = structure_of_event("RSP", event) or f"RSP_{event}"
    before = f"RSP_K{int(event[1:]) - 1:02d}"
    return next((name for name in (own, f"RSP_{event}", before) if tables.structure(name)), own)


def _orders(message: Message) -> Iterator[tuple[Segment, list[Segment]]]:
    """Yield each ORC with the first RXG behind it and what belongs to that; not what belongs to RXO and RXE."""
    order: Segment | None = None
    detail: list[Segment] = []
    for segment in message:
        if segment.id == "ORC":
            if order is not None:
                yield order, detail
            order, detail = segment, []
        elif (segment.id == "RXG") != bool(detail) and segment.id in _DETAIL:
            detail.append(segment)
    if order is not None:
        yield order, detail


def _allowed(detail: Sequence[Segment], version: str) -> Sequence[Segment]:
    """Return what the structure lets stand: RXG only with its route, and since 2.5 with its timing."""
    timed = KNOWN.index(nearest_version(version)) >= KNOWN.index(_TIMED)
    kept = [segment for segment in detail if timed or segment.id not in _TIMING]
    names = {segment.id for segment in kept}
    return kept if names >= ({"RXG", "TQ1", "RXR"} if timed else {"RXG", "RXR"}) else ()


def _written(segment: Segment | str, writer: Writer) -> bytes:
    if isinstance(segment, Segment):
        return writer.segment([segment.id.encode("latin-1"), *(writer.field(part) for part in segment)])
    composed = parse(_TEXT + segment.rstrip("\r") + "\r")
    if len(composed) != 2:
        raise InvalidRequest("USE-001", path="segments", hint="one segment each")
    found = composed.at(1)
    if writer.delimiters[:5] == (b"|", b"^", b"~", b"\\", b"&"):
        fields = [writer.encode(part.raw.decode(SYNTAX.charset)) for part in found]
    else:
        fields = [_again(part, writer) for part in found]
    return writer.segment([found.id.encode("latin-1"), *fields])


def _again(part: Part, writer: Writer) -> bytes:
    """Write a composed part with the request's delimiters, or refuse where they cannot say it."""
    if part.level == 3:
        return writer.text(part.text)
    d = writer.delimiters
    mark = (d.repetition, d.component, d.subcomponent)[part.level]
    pieces = [_again(below, writer) for below in part]
    if len(pieces) > 1 and not mark:
        raise InvalidRequest("USE-001", path="segments", hint="the request has no delimiter for it")
    return mark.join(pieces)
