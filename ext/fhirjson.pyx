# cython: language_level=3, boundscheck=False, wraparound=False
"""Compiled twin of ``iomt_interop/_accel/fhirjson_py.py``: JSON text of FHIR resources."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.dict cimport PyDict_GetItemWithError
from cpython.object cimport PyObject
from libc.stdint cimport int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from iomt_interop._accel.fhirjson_py import MARKS, MAX_DEPTH, SAMPLE_CODES, NumberText, _ESCAPES
from iomt_interop._accel.fhirjson_py import decimal_text as _long_decimal
from iomt_interop.errors import InvalidRequest, LimitExceeded

include "text.pxi"

cdef object _number = NumberText
cdef object _escapes = _ESCAPES
cdef tuple _empty = ()
cdef PyObject* _none = <PyObject*>None
cdef int _max_depth = MAX_DEPTH

__all__ = ["MAX_DEPTH", "SAMPLE_CODES", "NumberText", "decimal_text", "dumps", "emit_rows", "extension", "filled",
           "is_datetime", "join", "quote", "sample_text"]


cpdef str quote(str text):
    cdef Py_UCS4 character
    for character in text:
        if character < 32 or character == 34 or character == 92:
            return '"' + text.translate(_escapes) + '"'
    return '"' + text + '"'


cpdef str decimal_text(object mantissa, int exponent):
    cdef char buffer[64]
    cdef int length
    if exponent > 0 or exponent < -30:
        return _long_decimal(mantissa, exponent)
    if not -(1 << 63) <= mantissa < (1 << 63):
        return _long_decimal(mantissa, exponent)
    length = _decimal(<int64_t>mantissa, -exponent, buffer)
    return buffer[:length].decode("ascii")


cdef int _quoted(_Text out, str text) except -1:
    """Add a text as a JSON string; 0 when it is not ASCII."""
    cdef const unsigned char* source
    cdef Py_ssize_t at, length
    if not PyUnicode_IS_COMPACT_ASCII(text):
        return 0
    source, length = <const unsigned char*>PyUnicode_1BYTE_DATA(text), PyUnicode_GET_LENGTH(text)
    for at in range(length):
        if source[at] < 32 or source[at] == 34 or source[at] == 92:
            return out.ascii(quote(text))
    out.put('"', 1)
    out.put(<const char*>source, length)
    out.put('"', 1)
    return 1


cdef int _write(_Text out, object tree, int depth) except -1:
    """Add a tree; 0 when there is anything in it that the long way has to write."""
    cdef bint first = True
    if depth > _max_depth:
        raise LimitExceeded("FHR-005")
    if type(tree) is str:
        return _quoted(out, <str>tree)
    if type(tree) is dict:
        out.put("{", 1)
        for key, value in (<dict>tree).items():
            if not first:
                out.put(",", 1)
            first = False
            if type(key) is not str or not _quoted(out, <str>key):
                return 0
            out.put(":", 1)
            if not _write(out, value, depth + 1):
                return 0
        out.put("}", 1)
        return 1
    if type(tree) is list:
        out.put("[", 1)
        for value in <list>tree:
            if not first:
                out.put(",", 1)
            first = False
            if not _write(out, value, depth + 1):
                return 0
        out.put("]", 1)
        return 1
    if tree is True:
        return out.put("true", 4) + 1
    if tree is False:
        return out.put("false", 5) + 1
    if tree is None:
        return out.put("null", 4) + 1
    if type(tree) is _number or type(tree) is int:
        return out.ascii(str(tree))
    return 0


def dumps(object tree, int depth=0):
    cdef _Text out = _Text()
    if _write(out, tree, depth):
        return out.whole()
    return _dumps(tree, depth)


cdef str _dumps(object tree, int depth):
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
            parts.append(quote(key) + ":" + _dumps(value, depth + 1))
        return "{" + ",".join(parts) + "}"
    if isinstance(tree, list):
        parts = []
        for value in <list>tree:
            parts.append(_dumps(value, depth + 1))
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


cdef int _two(str text, Py_ssize_t at) noexcept:
    """Return the number of two digits, -1 where there are none."""
    cdef int high = <int><Py_UCS4>text[at]
    cdef int low = <int><Py_UCS4>text[at + 1]
    if not (48 <= high <= 57 and 48 <= low <= 57):
        return -1
    return (high - 48) * 10 + low - 48


cdef int* _DAYS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]


def is_datetime(str text):
    cdef Py_ssize_t length = len(text), at = 19
    cdef int century, year, month, day, last, hours, minutes
    if length < 20 or text[4] != "-" or text[7] != "-" or text[10] != "T" or text[13] != ":" or text[16] != ":":
        return False
    century, year, month, day = _two(text, 0), _two(text, 2), _two(text, 5), _two(text, 8)
    if century < 0 or year < 0 or not 1 <= month <= 12:
        return False
    year += 100 * century
    last = _DAYS[month - 1]
    if month == 2 and year % 4 == 0 and (year % 100 != 0 or year % 400 == 0):
        last = 29
    if year == 0 or not 1 <= day <= last:
        return False
    if not (0 <= _two(text, 11) <= 23 and 0 <= _two(text, 14) <= 59 and 0 <= _two(text, 17) <= 60):
        return False
    if text[at] == ".":
        at += 1
        while at < length and 48 <= <Py_UCS4>text[at] <= 57:
            at += 1
        if at == 20 or at > 29 or at == length:
            return False
    if text[at] == "Z":
        return at + 1 == length
    if length - at != 6 or text[at] not in "+-" or text[at + 3] != ":":
        return False
    hours, minutes = _two(text, at + 1), _two(text, at + 4)
    return (0 <= hours <= 13 and 0 <= minutes <= 59) or (hours == 14 and minutes == 0)


cdef bint _canonical(str identity):
    cdef Py_UCS4 character
    if len(identity) != 32:
        return False
    for character in identity:
        if not (48 <= character <= 57 or 97 <= character <= 102):
            return False
    return True


def join(dict values, tuple must_be_empty, tuple rows, tuple given, str source):
    cdef list parts, elements = []
    cdef tuple row, entry
    cdef object name, value
    cdef PyObject* found
    cdef Py_ssize_t index = 0
    cdef bint extended = False
    cdef str identity = values["id"]
    if not _canonical(identity):
        return None
    for name in must_be_empty:
        found = PyDict_GetItemWithError(values, name)
        if found != _none and found != <PyObject*>_empty and (found == NULL or <object>found):
            return None
    parts = ['{"resourceType":"Observation","id":"', identity, '","meta":{"source":"', source, '"}']
    for row in rows:
        name = row[0]
        if type(name) is int:
            entry = <tuple>given[<Py_ssize_t>name]
        else:
            found = PyDict_GetItemWithError(values, name)
            if found == _none:
                index += 1
                continue
            found = PyDict_GetItemWithError(<dict>row[1], <object>found)
            if found == NULL:
                return index
            entry = <tuple>found
        if <str>entry[0]:
            parts.append("," if extended else ',"extension":[')
            parts.append(entry[0])
            extended = True
        if <str>entry[1]:
            elements.append(",")
            elements.append(entry[1])
        index += 1
    if extended:
        parts.append("]")
    elements.append("}")
    parts.extend(elements)
    return "".join(parts)


cpdef extension(dict out, str url, object kind, object value, object e, str path):
    cdef object item = kind.each
    cdef object entry
    if item is None:
        entry = kind.wrap(url, value, e, path)
        if entry is not None:
            _append(out, entry)
        return
    for one in value:
        entry = item.wrap(url, one, e, path)
        if entry is not None:
            _append(out, entry)


cdef _append(dict out, object entry):
    cdef PyObject* found = PyDict_GetItemWithError(out, "extension")
    if found == NULL:
        out["extension"] = [entry]
    else:
        (<list>found).append(entry)


def emit_rows(object rows, object record, dict out, object e, str prefix=""):
    cdef tuple row
    cdef object one, field, kind, default, value
    cdef PyObject* found
    cdef dict values = record.__dict__
    for one in rows:
        if not isinstance(one, tuple) or len(one) != 5:
            raise TypeError("a row has five parts")
        row = <tuple>one
        field = row[0]
        found = PyDict_GetItemWithError(values, field)
        if found == _none or found == <PyObject*>_empty:
            continue
        value = getattr(record, field) if found == NULL else <object>found
        if value is None or (type(value) is tuple and not value):
            continue
        default = row[4]
        if default is not None and value == default:
            continue
        kind = row[2]
        if row[1] is not None:
            kind.put(out, row[1], value, e, prefix + <str>field)
        elif row[3] is not None:
            extension(out, <str>row[3], kind, value, e, prefix + <str>field)


def filled(list parts, tuple gaps, tuple given):
    cdef list own = parts[:]
    cdef Py_ssize_t at = 1
    cdef object gap
    for gap in gaps:
        own[at] = given[<Py_ssize_t>gap]
        at += 2
    return "".join(own)
