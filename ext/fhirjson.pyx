# cython: language_level=3, boundscheck=False, wraparound=False
"""Compiled twin of ``iomt_interop/_accel/fhirjson_py.py``: JSON text of FHIR resources."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.dict cimport PyDict_GetItemWithError
from cpython.mem cimport PyMem_Free, PyMem_Malloc, PyMem_Realloc
from cpython.object cimport PyObject
from cpython.unicode cimport PyUnicode_1BYTE_DATA, PyUnicode_DecodeASCII, PyUnicode_GET_LENGTH
from libc.stdint cimport int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy

from iomt_interop._accel.fhirjson_py import MARKS, MAX_DEPTH, SAMPLE_CODES, NumberText, _ESCAPES
from iomt_interop._accel.fhirjson_py import decimal_text as _long_decimal
from iomt_interop.errors import InvalidRequest, LimitExceeded

cdef extern from "Python.h":
    int PyUnicode_IS_COMPACT_ASCII(object)
    object PyUnicode_New(Py_ssize_t, Py_UCS4)
    object PyObject_GenericGetDict(object, void*)
    object PyObject_GenericGetAttr(object, object)

cdef object _number = NumberText
cdef object _escapes = _ESCAPES
cdef tuple _empty = ()
cdef PyObject* _none = <PyObject*>None
cdef int _max_depth = MAX_DEPTH

__all__ = ["MAX_DEPTH", "SAMPLE_CODES", "NumberText", "decimal_text", "dumps", "emit_rows", "extension", "filled",
           "is_datetime", "join", "lines", "quote", "sample_text", "told"]


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


cdef class _Text:
    """Octets of ASCII text that grow."""

    cdef char* data
    cdef Py_ssize_t size, room

    def __cinit__(self):
        self.size, self.room = 0, 4096
        self.data = <char*>PyMem_Malloc(self.room)
        if self.data == NULL:
            raise MemoryError

    def __dealloc__(self):
        PyMem_Free(self.data)

    cdef int grow(self, Py_ssize_t more) except -1:
        cdef char* data
        cdef Py_ssize_t room = self.room
        while room - self.size < more:
            room *= 2
        data = <char*>PyMem_Realloc(self.data, room)
        if data == NULL:
            raise MemoryError
        self.data, self.room = data, room
        return 0

    cdef inline int put(self, const char* text, Py_ssize_t length) except -1:
        if self.room - self.size < length:
            self.grow(length)
        memcpy(self.data + self.size, text, length)
        self.size += length
        return 0

    cdef int ascii(self, str text) except -1:
        """Add a text; 0 when it is not ASCII."""
        if not PyUnicode_IS_COMPACT_ASCII(text):
            return 0
        self.put(<const char*>PyUnicode_1BYTE_DATA(text), PyUnicode_GET_LENGTH(text))
        return 1

    cdef int quoted(self, str text) except -1:
        """Add a text as a JSON string; 0 when it is not ASCII."""
        cdef const unsigned char* source
        cdef Py_ssize_t at, length
        if not PyUnicode_IS_COMPACT_ASCII(text):
            return 0
        source, length = <const unsigned char*>PyUnicode_1BYTE_DATA(text), PyUnicode_GET_LENGTH(text)
        for at in range(length):
            if source[at] < 32 or source[at] == 34 or source[at] == 92:
                return self.ascii(quote(text))
        self.put('"', 1)
        self.put(<const char*>source, length)
        self.put('"', 1)
        return 1


cdef int _write(_Text out, object tree, int depth) except -1:
    """Add a tree; 0 when there is anything in it that the long way has to write."""
    cdef bint first = True
    if depth > _max_depth:
        raise LimitExceeded("FHR-005")
    if type(tree) is str:
        return out.quoted(<str>tree)
    if type(tree) is dict:
        out.put("{", 1)
        for key, value in (<dict>tree).items():
            if not first:
                out.put(",", 1)
            first = False
            if type(key) is not str or not out.quoted(<str>key):
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
        return PyUnicode_DecodeASCII(out.data, out.size, NULL)
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


cdef inline str _line(_Text out):
    """Return the text, which is ASCII."""
    cdef object text = PyUnicode_New(out.size, 127)
    memcpy(PyUnicode_1BYTE_DATA(text), out.data, out.size)
    return <str>text


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
        if type(span) is not tuple:
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
            if not 0 <= number < (1 << 62):
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


cdef str _given = "__pydantic_fields_set__"


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
    cdef set nobody
    cdef _Origin origin
    cdef _Text buffer

    def __init__(self, object casts):
        self.casts = casts
        self.observation, self.device, self.metric, self.quantity = casts.kinds
        self.own, self.personal, self.fresh = casts.own, casts.personal, casts.fresh
        self.nodes, self.orders, self.nobody = casts.nodes, casts.orders, casts.nobody
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
        return _line(self.buffer)


def lines(list records, Py_ssize_t at, list out, object casts):
    cdef object kind, record, text, hold = casts.hold
    cdef tuple key
    cdef dict held = <dict>hold.held, values
    cdef set excluded = <set>casts.excluded
    cdef Py_ssize_t limit = hold.limit, count = hold.count, size = 0
    cdef _Desk desk = _Desk(casts)
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
            if _field(values, "labels") or _field(values, "subject") in excluded or desk.reads(values):
                break
            key = (_field(values, "kind"), _field(values, "id"))
            if len(held) >= limit or key in held:
                break
            if kind is desk.device:
                desk.nodes[key[1]] = _field(values, "node")
            count += 1
            text = held[key] = desk.fresh(record, count)
            out.append(text)
        else:
            break
        at += 1
    hold.count = count
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
            out.append(_line(buffer))
            buffer.size = 0
        out.append(item)
    if buffer.size:
        out.append(_line(buffer))
    return out
