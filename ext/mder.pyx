"""MDER kernels: floating-point columns, and fixed scan reports by a plan.

The readable specification is ``iomt_interop/_accel/mder_py.py``; both give the same values and exceptions.
"""

from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.stdint cimport int8_t, int32_t, uint8_t, uint16_t, uint32_t

cdef enum:
    SFLOAT = 1
    FLOAT = 2
    TIME = 3
    SFLOATS = 4
    FLOATS = 5
    NONE = 0xFFFFFFFF


cdef inline uint32_t u16(const unsigned char *at) noexcept nogil:
    return (<uint32_t> at[0] << 8) | at[1]


cdef inline uint32_t u32(const unsigned char *at) noexcept nogil:
    return (u16(at) << 16) | u16(at + 2)


cdef inline void sfloat(uint32_t word, int32_t *mantissa, int8_t *exponent, uint8_t *special) noexcept nogil:
    cdef uint32_t m = word & 0xFFF
    exponent[0] = <int8_t> (word >> 12)
    if exponent[0] >= 8:
        exponent[0] -= 16
    mantissa[0] = 0
    special[0] = 0
    if m == 0x7FF:
        special[0] = 1
    elif m == 0x800:
        special[0] = 2
    elif m == 0x7FE:
        special[0] = 3
    elif m == 0x802:
        special[0] = 4
    elif m == 0x801:
        special[0] = 5
    else:
        mantissa[0] = <int32_t> m - (0x1000 if m & 0x800 else 0)


cdef inline void float_(uint32_t word, int32_t *mantissa, int8_t *exponent, uint8_t *special) noexcept nogil:
    cdef uint32_t m = word & 0xFFFFFF
    exponent[0] = <int8_t> (word >> 24)
    mantissa[0] = 0
    special[0] = 0
    if m == 0x7FFFFF:
        special[0] = 1
    elif m == 0x800000:
        special[0] = 2
    elif m == 0x7FFFFE:
        special[0] = 3
    elif m == 0x800002:
        special[0] = 4
    elif m == 0x800001:
        special[0] = 5
    else:
        mantissa[0] = <int32_t> m - (0x1000000 if m & 0x800000 else 0)


def floats(data, Py_ssize_t start, Py_ssize_t stop, int size):
    """Decode a run of SFLOATs (size 2) or FLOATs (size 4); see the pure twin."""
    cdef Py_buffer view
    cdef Py_ssize_t i, n
    cdef int32_t *mantissas
    cdef int8_t *exponents
    cdef uint8_t *specials
    cdef const unsigned char *raw
    PyObject_GetBuffer(data, &view, PyBUF_SIMPLE)
    try:
        if (size != 2 and size != 4) or not 0 <= start <= stop <= view.len or (stop - start) % size:
            raise ValueError("range")
        raw = <const unsigned char *> view.buf
        n = (stop - start) // size
        o_mantissas = PyBytes_FromStringAndSize(NULL, 4 * n)
        o_exponents = PyBytes_FromStringAndSize(NULL, n)
        o_specials = PyBytes_FromStringAndSize(NULL, n)
        mantissas = <int32_t *> <char *> o_mantissas
        exponents = <int8_t *> <char *> o_exponents
        specials = <uint8_t *> <char *> o_specials
        with nogil:
            for i in range(n):
                if size == 2:
                    sfloat(u16(raw + start + 2 * i), mantissas + i, exponents + i, specials + i)
                else:
                    float_(u32(raw + start + 4 * i), mantissas + i, exponents + i, specials + i)
        return o_mantissas, o_exponents, o_specials
    finally:
        PyBuffer_Release(&view)


cdef const uint16_t *find(const uint16_t *plan, Py_ssize_t words, uint32_t handle) noexcept nogil:
    """Return the plan's entry of a handle: handle, length, n, then n triples (attribute, kind, offset)."""
    cdef Py_ssize_t at = 0
    while at + 3 <= words:
        if plan[at] == handle:
            return plan + at
        at += 3 + 3 * plan[at + 2]
    return NULL


cdef int check_plan(const uint16_t *plan, Py_ssize_t words) except -1:
    """Refuse a plan that would read outside an observation."""
    cdef Py_ssize_t at = 0, k
    cdef uint32_t kind, need, length
    while at < words:
        if at + 3 > words or at + 3 + 3 * plan[at + 2] > words:
            raise ValueError("plan")
        length = plan[at + 1]
        for k in range(plan[at + 2]):
            kind = plan[at + 4 + 3 * k]
            need = 2 if kind == SFLOAT else 8 if kind == TIME else 4
            if kind < SFLOAT or kind > FLOATS or plan[at + 5 + 3 * k] + need > length:
                raise ValueError("plan")
        at += 3 + 3 * plan[at + 2]
    return 0


cdef Py_ssize_t rows_of(const unsigned char *raw, uint32_t start, const uint16_t *entry) noexcept nogil:
    """Count the values of one observation; -1 when a compound does not fit its place."""
    cdef Py_ssize_t n = 0, count
    cdef int k
    cdef uint32_t size, at
    for k in range(entry[2]):
        if entry[4 + 3 * k] == TIME:
            continue
        if entry[4 + 3 * k] < SFLOATS:
            n += 1
            continue
        at = start + entry[5 + 3 * k]
        size = 2 if entry[4 + 3 * k] == SFLOATS else 4
        count = u16(raw + at)
        if u16(raw + at + 2) != count * size or entry[5 + 3 * k] + 4 + count * size > entry[1]:
            return -1
        n += count
    return n


def scan_fixed(data, Py_ssize_t start, Py_ssize_t stop, plan):
    """Decode the list of a fixed scan report into columns; see the pure twin."""
    cdef Py_buffer view, words
    cdef const unsigned char *raw
    cdef const uint16_t *table
    cdef const uint16_t *entry
    cdef Py_ssize_t n_words, rows = 0, row = 0, found, at, i, count
    cdef uint32_t length, time, base, size
    cdef int k, j
    cdef uint16_t *handles
    cdef uint16_t *attributes
    cdef uint8_t *members
    cdef int32_t *mantissas
    cdef int8_t *exponents
    cdef uint8_t *specials
    cdef uint32_t *offsets
    cdef uint32_t *times
    PyObject_GetBuffer(data, &view, PyBUF_SIMPLE)
    PyObject_GetBuffer(plan, &words, PyBUF_SIMPLE)
    try:
        if not 0 <= start <= stop <= view.len or stop - start < 4 or view.len >= NONE:
            raise ValueError("range")
        raw = <const unsigned char *> view.buf
        table = <const uint16_t *> words.buf
        n_words = words.len // 2
        check_plan(table, n_words)
        count = u16(raw + start)
        if <Py_ssize_t> u16(raw + start + 2) != stop - start - 4:
            return None
        at = start + 4
        for i in range(count):
            if at + 4 > stop:
                return None
            length = u16(raw + at + 2)
            entry = find(table, n_words, u16(raw + at))
            if at + 4 + length > stop or entry == NULL or entry[1] != length:
                return None
            found = rows_of(raw, <uint32_t> (at + 4), entry)
            if found < 0:
                return None
            rows += found
            at += 4 + length
        if at != stop:
            return None
        o_handles = PyBytes_FromStringAndSize(NULL, 2 * rows)
        o_attributes = PyBytes_FromStringAndSize(NULL, 2 * rows)
        o_members = PyBytes_FromStringAndSize(NULL, rows)
        o_mantissas = PyBytes_FromStringAndSize(NULL, 4 * rows)
        o_exponents = PyBytes_FromStringAndSize(NULL, rows)
        o_specials = PyBytes_FromStringAndSize(NULL, rows)
        o_offsets = PyBytes_FromStringAndSize(NULL, 4 * rows)
        o_times = PyBytes_FromStringAndSize(NULL, 4 * rows)
        handles = <uint16_t *> <char *> o_handles
        attributes = <uint16_t *> <char *> o_attributes
        members = <uint8_t *> <char *> o_members
        mantissas = <int32_t *> <char *> o_mantissas
        exponents = <int8_t *> <char *> o_exponents
        specials = <uint8_t *> <char *> o_specials
        offsets = <uint32_t *> <char *> o_offsets
        times = <uint32_t *> <char *> o_times
        with nogil:
            at = start + 4
            for i in range(count):
                base = <uint32_t> (at + 4)
                entry = find(table, n_words, u16(raw + at))
                time = NONE
                for k in range(entry[2]):
                    if entry[4 + 3 * k] == TIME:
                        time = base + entry[5 + 3 * k]
                for k in range(entry[2]):
                    if entry[4 + 3 * k] == TIME:
                        continue
                    length = base + entry[5 + 3 * k]
                    size = 2 if entry[4 + 3 * k] in (SFLOAT, SFLOATS) else 4
                    found = 1
                    if entry[4 + 3 * k] >= SFLOATS:
                        found = u16(raw + length)
                        length += 4
                    for j in range(<int> found):
                        handles[row] = entry[0]
                        attributes[row] = entry[3 + 3 * k]
                        members[row] = <uint8_t> (j if j < 255 else 255)
                        offsets[row] = length
                        times[row] = time
                        if size == 2:
                            sfloat(u16(raw + length), mantissas + row, exponents + row, specials + row)
                        else:
                            float_(u32(raw + length), mantissas + row, exponents + row, specials + row)
                        length += size
                        row += 1
                at += 4 + u16(raw + at + 2)
        return (rows, o_handles, o_attributes, o_members, o_mantissas, o_exponents, o_specials, o_offsets, o_times)
    finally:
        PyBuffer_Release(&view)
        PyBuffer_Release(&words)
