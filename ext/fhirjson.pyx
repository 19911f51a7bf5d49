# cython: language_level=3, boundscheck=False, wraparound=False
"""Compiled twin of ``iomt_interop/_accel/fhirjson_py.py``: JSON text of FHIR resources."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.dict cimport PyDict_Contains
from cpython.list cimport PyList_GET_SIZE
from libc.stdint cimport int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy

from iomt_interop._accel.fhirjson_py import MARKS, MAX_DEPTH, SAMPLE_CODES, NumberText, _ESCAPES
from iomt_interop._accel.fhirjson_py import decimal_text as _long_decimal
from iomt_interop.errors import InvalidRequest, LimitExceeded

cdef object _number = NumberText
cdef object _escapes = _ESCAPES
cdef int _max_depth = MAX_DEPTH

__all__ = ["MAX_DEPTH", "SAMPLE_CODES", "NumberText", "decimal_text", "dumps", "join", "quote", "sample_text"]


cpdef str quote(str text):
    cdef Py_UCS4 character
    for character in text:
        if character < 32 or character == 34 or character == 92:
            return '"' + text.translate(_escapes) + '"'
    return '"' + text + '"'


cdef int _digits(uint64_t value, char* end) noexcept:
    """Write decimal digits backwards from ``end``; return how many."""
    cdef int count = 0
    while True:
        end -= 1
        end[0] = 48 + <char>(value % 10)
        value //= 10
        count += 1
        if value == 0:
            return count


cdef int _decimal(int64_t mantissa, int decimals, char* buffer) noexcept:
    """Write a number with at most 30 decimals; ``buffer`` has 64 octets. Return the length."""
    cdef char digits[48]
    cdef uint64_t size = <uint64_t>mantissa
    cdef int count, length = 0, whole
    if mantissa < 0:
        size = 0 - size
        buffer[0] = 45
        length = 1
    count = _digits(size, &digits[48])
    while count < decimals + 1:
        count += 1
        digits[48 - count] = 48
    whole = count - decimals
    memcpy(buffer + length, &digits[48 - count], whole)
    length += whole
    if decimals:
        buffer[length] = 46
        memcpy(buffer + length + 1, &digits[48 - decimals], decimals)
        length += decimals + 1
    return length


cpdef str decimal_text(object mantissa, int exponent):
    cdef char buffer[64]
    cdef int length
    if exponent > 0 or exponent < -30:
        return _long_decimal(mantissa, exponent)
    if not -(1 << 63) <= mantissa < (1 << 63):
        return _long_decimal(mantissa, exponent)
    length = _decimal(<int64_t>mantissa, -exponent, buffer)
    return buffer[:length].decode("ascii")


cpdef str dumps(object tree, int depth=0):
    cdef list parts
    if depth > _max_depth:
        raise LimitExceeded("FHR-005")
    if type(tree) is str:
        return quote(<str>tree)
    if type(tree) is _number:
        return str(tree)
    if isinstance(tree, dict):
        parts = []
        for key, value in (<dict>tree).items():
            parts.append(quote(key) + ":" + dumps(value, depth + 1))
        return "{" + ",".join(parts) + "}"
    if isinstance(tree, list):
        parts = []
        for value in <list>tree:
            parts.append(dumps(value, depth + 1))
        return "[" + ",".join(parts) + "]"
    if tree is None:
        return "null"
    if tree is True:
        return "true"
    if tree is False:
        return "false"
    if isinstance(tree, _number):
        return str(tree)
    if isinstance(tree, str):
        return quote(str(tree))
    if isinstance(tree, int):
        return str(tree)
    raise InvalidRequest("USE-001", path="tree")


cdef inline int64_t _sample(const char* source, int kind) noexcept:
    """Read one little-endian integer; ``kind`` is its size, negative when unsigned."""
    cdef uint64_t value = 0
    cdef int size = kind if kind > 0 else -kind
    cdef int index
    for index in range(size):
        value |= <uint64_t>(<uint8_t>source[index]) << (8 * index)
    if kind == 1:
        return <int8_t>value
    if kind == 2:
        return <int16_t>value
    if kind == 4:
        return <int32_t>value
    return <int64_t>value


cpdef str sample_text(bytes data, str dtype, int decimals=0, bytes marks=None):
    cdef Py_ssize_t total, index, length = 0, room
    cdef int kind, size
    cdef const char* source
    cdef const char* mark = NULL
    cdef char* target
    cdef bytes output
    if dtype not in SAMPLE_CODES or decimals < 0:
        raise InvalidRequest("USE-001", path="data")
    size = int(dtype[1])
    if PyBytes_GET_SIZE(data) % size:
        raise InvalidRequest("USE-001", path="data")
    kind = size if dtype[0] == "i" else -size
    total = PyBytes_GET_SIZE(data) // size
    if marks is not None:
        if PyBytes_GET_SIZE(marks) != total or max(marks, default=0) >= len(MARKS):
            raise InvalidRequest("USE-001", path="marks")
        mark = PyBytes_AS_STRING(marks)
    if total == 0:
        return ""
    if decimals > 30:
        texts = [_long_decimal(_sample(PyBytes_AS_STRING(data) + index * size, kind), -decimals) for index in range(total)]
        return " ".join(texts if marks is None else [MARKS[marks[i]] or texts[i] for i in range(total)])
    # At most 20 digits and sign, a leading zero, the point and the separator; short formats need less.
    room = {1: 4, 2: 6, 4: 11, 8: 20}[size]
    room = (room if room > decimals + 2 else decimals + 2) + 3
    output = PyBytes_FromStringAndSize(NULL, total * room)
    target = PyBytes_AS_STRING(output)
    source = PyBytes_AS_STRING(data)
    for index in range(total):
        if mark != NULL and mark[index]:
            target[length] = 69 if mark[index] < 3 else (76 if mark[index] == 3 else 85)
            length += 1
        else:
            length += _decimal(_sample(source + index * size, kind), decimals, target + length)
        target[length] = 32
        length += 1
    return output[: length - 1].decode("ascii")


def join(dict values, tuple must_be_empty, tuple rows, str head):
    cdef list extensions = []
    cdef list elements = []
    cdef tuple row, entry
    cdef dict cache
    cdef object value, key, found
    cdef Py_ssize_t index = 0
    cdef str text
    for name in must_be_empty:
        if values[name]:
            return None
    for row in rows:
        value = values[row[0]]
        if value is not None and value != ():
            cache = <dict>row[1]
            key = id(value) if row[2] else value
            if PyDict_Contains(cache, key) == 0:
                return index
            found = cache[key]
            if found is None:
                return None
            entry = <tuple>found
            if entry[1]:
                extensions.append(entry[1])
            if entry[2]:
                elements.append(entry[2])
        index += 1
    text = head
    if PyList_GET_SIZE(extensions):
        text += ',"extension":[' + ",".join(extensions) + "]"
    if PyList_GET_SIZE(elements):
        text += "," + ",".join(elements)
    return text + "}"
