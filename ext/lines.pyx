# cython: language_level=3, boundscheck=False, wraparound=False
"""Compiled twin of ``iomt_interop/_accel/lines_py.py``: lines of records that were cast from moulds."""

from cpython.dict cimport PyDict_GetItemWithError
from cpython.object cimport PyObject

include "text.pxi"

cdef extern from "Python.h":
    object PyObject_GenericGetAttr(object, object)
    object PyObject_GenericGetDict(object, void*)

cdef str _given = "__pydantic_fields_set__"

__all__ = ["lines", "told"]


cdef inline dict _fields(object record):
    """Return the fields of a record, without asking its class for an attribute."""
    return <dict>PyObject_GenericGetDict(record, NULL)


cdef inline object _field(dict fields, str name):
    cdef PyObject* found = PyDict_GetItemWithError(fields, name)
    if found == NULL:
        raise KeyError(name)
    return <object>found


cdef inline bint _safe(str text) noexcept:
    """Tell whether nothing in a text is quoted in a URI, or in JSON."""
    cdef const unsigned char* data
    cdef Py_ssize_t at
    if not PyUnicode_IS_COMPACT_ASCII(text):
        return False
    data = <const unsigned char*>PyUnicode_1BYTE_DATA(text)
    for at in range(PyUnicode_GET_LENGTH(text)):
        if not (40 <= data[at] <= 57 and data[at] != 43 or 65 <= data[at] <= 90 or 97 <= data[at] <= 122):
            return False
    return True


cdef class _Origin:
    """Writes ``meta.source``; records of one message share digest, adapter and version, as objects."""

    cdef object sources, digest, adapter, version, place
    cdef str stem

    def __init__(self, object sources):
        self.sources, self.place = sources, sources.place
        self.look()

    cdef look(self):
        cdef object sources = self.sources
        self.digest, self.adapter, self.version = sources.digest, sources.adapter, sources.version
        self.stem = sources.stem

    cdef int put(self, _Text out, object provenance) except -1:
        """Add the text; 0 when it must be written otherwise."""
        cdef dict values = _fields(provenance)
        cdef object span = _field(values, "span"), path = _field(values, "path"), clause = _field(values, "clause")
        cdef char digits[24]
        cdef int count, at
        if type(span) is not tuple or len(<tuple>span) != 2:
            return 0
        if (
            _field(values, "digest") is not self.digest
            or _field(values, "adapter") is not self.adapter
            or _field(values, "version") is not self.version
        ):
            self.sources.text(provenance)
            self.look()
        if not out.ascii(self.stem):
            return 0
        for at in range(2):
            number = (<tuple>span)[at]
            if type(number) is not int or not 0 <= number < (1 << 62):
                return 0
            if at:
                out.put("-", 1)
            count = _digits(<uint64_t>number, &digits[24])
            out.put(&digits[24 - count], count)
        if clause is None and type(path) is str and _safe(<str>path):
            out.put("&path=", 6)
            return out.ascii(<str>path)
        return out.ascii(<str>self.place(path, clause))


cdef inline bint _plain_id(object identity) noexcept:
    """Tell whether a text is an id as this library makes them, which FHIR allows."""
    cdef const unsigned char* text
    cdef Py_ssize_t at
    if type(identity) is not str or not PyUnicode_IS_COMPACT_ASCII(identity) or PyUnicode_GET_LENGTH(identity) != 32:
        return False
    text = <const unsigned char*>PyUnicode_1BYTE_DATA(identity)
    for at in range(32):
        if not (48 <= text[at] <= 57 or 97 <= text[at] <= 102):
            return False
    return True


cdef object _mould(object record):
    """Return what a record was cast from, or None."""
    cdef object given = PyObject_GenericGetAttr(record, _given)
    return None if type(given) is set else getattr(given, "mould", None)


cdef inline object _note(object mould, object key):
    """Return a text that a mould remembers, or None."""
    cdef PyObject* found = PyDict_GetItemWithError(<dict>mould.notes, key)
    return None if found == NULL else <object>found


cdef int _cast_text(_Text out, tuple text, dict values, tuple shared, _Origin origin, dict number) except -1:
    """Add a line; 0 when it must be written otherwise."""
    cdef list parts = <list>text[0]
    cdef Py_ssize_t at = 0, gap
    cdef Py_ssize_t last = len(shared) + 2
    cdef char digits[64]
    cdef object exponent, mantissa
    if not out.ascii(<str>parts[0]):
        return 0
    for gap in <tuple>text[1]:
        if gap == 0:
            out.ascii(<str>_field(values, "id"))
        elif gap == 1:
            if not origin.put(out, _field(values, "provenance")):
                return 0
        elif gap < last:
            if shared[gap - 2] is None or not out.ascii(<str>shared[gap - 2]):
                return 0
        else:
            exponent, mantissa = _field(number, "exponent"), _field(number, "mantissa")
            if type(exponent) is not int or type(mantissa) is not int:
                return 0
            if not (-30 <= exponent <= 0 and -(1 << 63) <= mantissa < (1 << 63)):
                return 0
            out.put(digits, _decimal(<int64_t>mantissa, -<int>exponent, digits))
        at += 2
        if not out.ascii(<str>parts[at]):
            return 0
    out.put("\n", 1)
    return 1


cdef class _Desk:
    """What lines are written with; attributes of ``casts`` that every record asks for."""

    cdef object casts, observation, device, metric, quantity, own, personal, fresh
    cdef tuple frame, context
    cdef dict nodes, orders
    cdef set nobody, excluded
    cdef _Origin origin
    cdef _Text buffer

    def __init__(self, object casts):
        self.casts = casts
        self.observation, self.device, self.metric, self.quantity = casts.kinds
        self.own, self.personal, self.fresh = casts.own, casts.personal, casts.fresh
        self.nodes, self.orders = casts.nodes, casts.orders
        self.nobody, self.excluded = casts.nobody, casts.excluded
        self.origin, self.buffer = _Origin(casts.sources), _Text()
        self.look()

    cdef look(self):
        self.frame = <tuple>self.casts.frame
        self.context = <tuple>self.casts.context

    cdef bint reads(self, dict values):
        """Tell whether a record was read by the adapter itself: it is written as it was."""
        cdef object adapter = _field(_fields(_field(values, "provenance")), "adapter")
        return adapter is self.own or adapter == self.own

    cdef str result(self, object record):
        """Return the line of an observation; ``None`` when it must be written otherwise."""
        cdef dict values = _fields(record), number
        cdef object mould = _mould(record), amount = _field(values, "value"), text, device = _field(values, "device")
        cdef object identity = _field(values, "id"), order = _field(values, "order"), subject = _field(values, "subject")
        if mould is None or not _plain_id(identity) or type(amount) is not self.quantity or subject in self.nobody:
            return None
        if (
            _field(values, "time") is not self.frame[0] or subject is not self.frame[1]
            or _field(values, "encounter") is not self.frame[2] or order is not self.frame[3]
        ):
            self.casts.look(values)
            self.look()
        if self.context is None or self.reads(values):
            return None
        number = _fields(amount)
        if _field(number, "literal") is not None:
            return None
        if device is not None and self.nodes and self.nodes.get(device) in self.personal:
            text = _note(mould, self.context[1])
        else:
            text = _note(mould, self.context[0])
        if text is None or _mould(amount) is not (<tuple>text)[2]:
            return None
        self.buffer.size = 0
        if not _cast_text(self.buffer, <tuple>text, values, <tuple>self.context[2], self.origin, number):
            return None
        if self.orders:
            amount = self.orders.get(order)
            if amount is not None:
                (<dict>(<tuple>amount)[1])["Observation/" + <str>identity] = None
        return self.buffer.whole()


def lines(list records not None, Py_ssize_t at, list out not None, object casts):
    cdef object hold = casts.hold
    cdef Py_ssize_t count = hold.count
    if at < 0:
        raise ValueError("at")
    try:
        return _lines(records, at, out, _Desk(casts), <dict?>hold.held, hold.limit, &count)
    finally:
        hold.count = count


cdef tuple _lines(list records, Py_ssize_t at, list out, _Desk desk, dict held, Py_ssize_t limit, Py_ssize_t* count):
    cdef object kind, record, text
    cdef tuple key
    cdef dict values
    cdef Py_ssize_t size = 0
    while at < len(records):
        record = records[at]
        kind = type(record)
        if kind is desk.observation:
            text = desk.result(record)
            if text is None:
                break
            out.append(text)
            size += PyUnicode_GET_LENGTH(text)
        elif kind is desk.device or kind is desk.metric:
            values = _fields(record)
            if _field(values, "labels") or _field(values, "subject") in desk.excluded or desk.reads(values):
                break
            key = (_field(values, "kind"), _field(values, "id"))
            if len(held) >= limit or key in held:
                break
            if kind is desk.device:
                desk.nodes[key[1]] = _field(values, "node")
            count[0] += 1
            text = held[key] = desk.fresh(record, count[0])
            out.append(text)
        else:
            break
        at += 1
    return at, size


def told(list items, object casts):
    cdef object item, record, mould, text, subject, key
    cdef tuple shared
    cdef list out = []
    cdef dict values, held
    cdef Py_ssize_t begun
    cdef _Desk desk = _Desk(casts)
    cdef _Text buffer = desk.buffer
    subject, key = casts.person
    shared = (subject,)
    for item in items:
        if type(item) is str and buffer.ascii(<str>item):
            continue
        if type(item) is desk.fresh:
            held = _fields(item)
            if "gone" in held:
                continue
            record = _field(held, "latest")
            mould = _mould(record)
            if mould is not None and "versions" not in held:
                values = _fields(record)
                if _field(values, "subject") is not subject:
                    subject, key = casts.person_of(_field(values, "subject"))
                    shared = (subject,)
                text = None if key is None or desk.reads(values) else _note(mould, key)
                if text is not None and (not (<tuple>text)[3] or _plain_id(_field(values, "id"))):
                    begun = buffer.size
                    if _cast_text(buffer, <tuple>text, values, shared, desk.origin, None):
                        held["gone"] = True
                        continue
                    buffer.size = begun
        if buffer.size:
            out.append(buffer.whole())
            buffer.size = 0
        out.append(item)
    if buffer.size:
        out.append(buffer.whole())
    return out
