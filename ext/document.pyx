# cython: language_level=3, boundscheck=False, wraparound=False
"""Compiled twin of ``iomt_interop/_accel/document_py.py``: the JSON of a canonical record, to the octet as pydantic's.

It knows texts, whole numbers of 64 bits, truths, octets, tuples and models, each by its exact type. A record that
holds anything else, or half a surrogate pair, is left to the twin.
"""

cimport cython

from base64 import urlsafe_b64encode

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.dict cimport PyDict_Next
from cpython.object cimport PyObject, Py_TYPE
from libc.stdint cimport uint8_t, uint64_t
from libc.stdlib cimport free, malloc, realloc
from libc.string cimport memcpy

from pydantic import BaseModel

from iomt_interop._accel.document_py import MAX_DEPTH, parts_of
from iomt_interop._accel.document_py import dump as _dump

cdef extern from "Python.h":
    PyObject* PyDict_GetItemWithError(object mapping, object key) except? NULL
    Py_ssize_t PyTuple_GET_SIZE(object values)
    PyObject* PyTuple_GET_ITEM(object values, Py_ssize_t at)
    object PyObject_GenericGetDict(object value, void* context)
    const char* PyUnicode_AsUTF8AndSize(object text, Py_ssize_t* size) except NULL
    long long PyLong_AsLongLongAndOverflow(object number, int* overflow) except? -1

cdef object _model = BaseModel
cdef object _base64 = urlsafe_b64encode
cdef object _parts_of = parts_of
cdef dict _plans = {}
cdef tuple _empty = ()
cdef int _deepest = MAX_DEPTH
cdef uint64_t ONES = 0x0101010101010101
cdef const char* _HEX = "0123456789abcdef"

__all__ = ["MAX_DEPTH", "dump"]

cdef enum:
    FIRST = 2048


cdef struct Buffer:
    char* data
    Py_ssize_t size
    Py_ssize_t room


cdef int _make_room(Buffer* out, Py_ssize_t more) except -1:
    cdef char* grown
    cdef Py_ssize_t room = 2 * out.room + more
    grown = <char*>realloc(out.data, room)
    if grown == NULL:
        raise MemoryError
    out.data, out.room = grown, room
    return 0


cdef inline int _put(Buffer* out, const char* octets, Py_ssize_t size) except -1:
    if out.room - out.size < size:
        _make_room(out, size)
    memcpy(out.data + out.size, octets, size)
    out.size += size
    return 0


cdef inline uint64_t _special(uint64_t word) noexcept:
    """Tell whether one of eight octets is a control character, a quotation mark or a backslash; seldom too often."""
    cdef uint64_t quote = word ^ ONES * 34
    cdef uint64_t slash = word ^ ONES * 92
    return ((word - ONES * 32) & ~word | (quote - ONES) & ~quote | (slash - ONES) & ~slash) & (ONES * 128)


cdef int _text(Buffer* out, str text) except -1:
    """Write a text as RFC 8259 section 7 asks: what must be escaped, and nothing else."""
    cdef Py_ssize_t size, at, start = 0
    cdef const char* octets = PyUnicode_AsUTF8AndSize(text, &size)
    cdef uint8_t octet
    cdef uint64_t word
    cdef char* end
    if out.room - out.size < 6 * size + 2:
        _make_room(out, 6 * size + 2)
    end = out.data + out.size
    end[0] = 34
    end += 1
    at = -1
    while True:
        at += 1
        while at + 8 <= size:
            memcpy(&word, octets + at, 8)
            if _special(word):
                break
            at += 8
        if at >= size:
            break
        octet = <uint8_t>octets[at]
        if octet >= 32 and octet != 34 and octet != 92:
            continue
        memcpy(end, octets + start, at - start)
        end += at - start
        start = at + 1
        end[0] = 92
        if octet == 34 or octet == 92:
            end[1] = <char>octet
        elif octet == 8:
            end[1] = 98  # b
        elif octet == 9:
            end[1] = 116  # t
        elif octet == 10:
            end[1] = 110  # n
        elif octet == 12:
            end[1] = 102  # f
        elif octet == 13:
            end[1] = 114  # r
        else:
            end[1] = 117  # u
            end[2] = end[3] = 48
            end[4] = _HEX[octet >> 4]
            end[5] = _HEX[octet & 15]
            end += 4
        end += 2
    memcpy(end, octets + start, size - start)
    end += size - start
    end[0] = 34
    out.size = end + 1 - out.data
    return 0


cdef int _number(Buffer* out, object number) except -1:
    """Write a whole number; return 1 when it is too long for a machine's word."""
    cdef int overflow = 0
    cdef long long value = PyLong_AsLongLongAndOverflow(number, &overflow)
    cdef uint64_t rest
    cdef char digits[24]
    cdef int count = 24
    if overflow:
        return 1
    rest = <uint64_t>value
    if value < 0:
        rest = 0 - rest
    while True:
        count -= 1
        digits[count] = <char>(48 + rest % 10)
        rest //= 10
        if rest == 0:
            break
    if value < 0:
        count -= 1
        digits[count] = 45
    _put(out, &digits[count], 24 - count)
    return 0


@cython.final
cdef class _Plan:
    """The fields of a model in their order: name, octets before the value, classes of models that it may hold."""

    cdef tuple names, before, models
    cdef dict places

    def __init__(self, object kind):
        fields = _parts_of(kind)
        self.names = tuple(fields)
        self.before = tuple([b',"%s":' % name.encode() for name in fields])
        self.models = tuple(fields.values())
        self.places = {name: place for place, name in enumerate(fields)}


cdef int _fields(Buffer* out, object record, int depth) except -1:
    """Write a model; the classes that its fields may hold are its own business, so another's is not known here."""
    cdef PyObject* known = PyDict_GetItemWithError(_plans, <object>Py_TYPE(record))
    cdef dict fields = <dict>PyObject_GenericGetDict(record, NULL)
    cdef _Plan plan
    cdef bytes before
    cdef PyObject* name = NULL
    cdef PyObject* value = NULL
    cdef Py_ssize_t at = 0, place = -1, begin = out.size
    if known == NULL:
        plan = _plans.setdefault(type(record), _Plan(type(record)))
    else:
        plan = <_Plan>known
    while PyDict_Next(fields, &at, &name, &value):
        place += 1
        if value == <PyObject*>None:
            continue
        if place >= PyTuple_GET_SIZE(plan.names) or name != <PyObject*>PyTuple_GET_ITEM(plan.names, place):
            known = PyDict_GetItemWithError(plan.places, <object>name)
            if known == NULL:
                return 1
            place = <object>known
        before = <bytes>PyTuple_GET_ITEM(plan.before, place)
        _put(out, PyBytes_AS_STRING(before), PyBytes_GET_SIZE(before))
        if _value(out, <object>value, <frozenset>PyTuple_GET_ITEM(plan.models, place), depth):
            return 1
    if out.size == begin:
        return _put(out, b"{}", 2)
    out.data[begin] = 123  # the first comma's place
    return _put(out, b"}", 1)


cdef int _value(Buffer* out, object value, frozenset models, int depth) except -1:
    """Write a value; return 1 when it is of a kind that is not known here."""
    cdef type kind = type(value)
    cdef Py_ssize_t at
    if kind is str:
        return _text(out, <str>value)
    if kind is int:
        return _number(out, value)
    if value is None:
        return _put(out, b"null", 4)
    if kind is bool:
        return _put(out, b"true", 4) if value is True else _put(out, b"false", 5)
    if depth == 0:
        return 1
    if kind is tuple:
        if value is _empty:
            return _put(out, b"[]", 2)
        _put(out, b"[", 1)
        for at in range(PyTuple_GET_SIZE(value)):
            if at:
                _put(out, b",", 1)
            if _value(out, <object>PyTuple_GET_ITEM(value, at), models, depth - 1):
                return 1
        return _put(out, b"]", 1)
    if kind in models:
        return _fields(out, value, depth - 1)
    if kind is bytes:
        value = _base64(value)
        _put(out, b'"', 1)
        _put(out, PyBytes_AS_STRING(value), PyBytes_GET_SIZE(value))
        return _put(out, b'"', 1)
    return 1


cpdef bytes dump(object record):
    cdef Buffer out
    cdef int other
    if type(record) not in _plans and not isinstance(record, _model):
        return _dump(record)
    out.data = <char*>malloc(FIRST)
    if out.data == NULL:
        raise MemoryError
    out.size, out.room = 0, FIRST
    try:
        try:
            other = _fields(&out, record, _deepest)
        except UnicodeEncodeError:
            other = 1
        if not other:
            return PyBytes_FromStringAndSize(out.data, out.size)
    finally:
        free(out.data)
    return _dump(record)
