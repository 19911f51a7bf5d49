"""ER7 kernels: index a message into offsets, read its OBX segments into columns, read NA samples.

The readable specification is ``iomt_interop/_accel/er7_py.py``; both give the same values and exceptions.
"""

from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport int8_t, int64_t, uint8_t, uint32_t
from libc.stdlib cimport free, malloc
from libc.string cimport memchr, memcmp

cdef extern from "er7_scan.h" nogil:
    size_t er7_collect(const unsigned char *data, size_t at, size_t stop, unsigned char separator,
                       uint32_t *out, size_t room, size_t *reached)
    int er7_tidy(const unsigned char *data, size_t size, const uint32_t *triples, size_t segments, const uint32_t *seps,
                 size_t fields, const unsigned char *known, size_t n_known, const unsigned char *inner, size_t n_inner)
    size_t er7_tally(const unsigned char *data, size_t at, size_t stop, unsigned char separator, size_t *ends)

cdef enum:
    BLOCK = 1024
    COLUMNS = 12
    MAX_DIGITS = 18
    MAX_TIMES = 64
    MAX_RECENT = 512


cdef struct Offsets:
    uint32_t *items
    size_t count
    size_t room


cdef inline int push(Offsets *g, uint32_t value) noexcept nogil:
    # There is room for what was counted; somebody else may write into a buffer that is no bytes.
    if g.count == g.room:
        return -1
    g.items[g.count] = value
    g.count += 1
    return 0


cdef inline bint is_upper(unsigned char c) noexcept nogil:
    return 65 <= c <= 90


cdef bint ends_segment(const unsigned char *data, size_t at, size_t stop, unsigned char sep, size_t *run) noexcept nogil:
    """Tell whether the LF at ``at`` ends a segment: what follows is a segment, or nothing at all.

    ``run`` becomes where the line ends stop that follow it: for each LF among them the answer is the same.
    """
    cdef size_t i = at + 1
    while i < stop and (data[i] == 13 or data[i] == 10):
        i += 1
    run[0] = i
    if i == stop:
        return True
    if i + 3 > stop or not is_upper(data[i]):
        return False
    if not (is_upper(data[i + 1]) or 48 <= data[i + 1] <= 57) or not (is_upper(data[i + 2]) or 48 <= data[i + 2] <= 57):
        return False
    return i + 3 == stop or data[i + 3] == sep or data[i + 3] == 13 or data[i + 3] == 10


cdef int scan(const unsigned char *data, size_t start, size_t stop, unsigned char sep,
              Offsets *segments, Offsets *fields, uint32_t *stats) noexcept nogil:
    cdef uint32_t found[BLOCK]
    cdef size_t at = start, reached = start, n, i, begin = start, run = start
    cdef uint32_t position, first = 0
    cdef unsigned char octet
    cdef bint ends = False
    while at < stop:
        n = er7_collect(data, at, stop, sep, found, BLOCK, &reached)
        for i in range(n):
            position = found[i]
            octet = data[position]
            if octet == sep:
                if push(fields, position):
                    return -1
                continue
            if octet == 10:
                if position > start and data[position - 1] == 13:
                    stats[1] += 1
                else:
                    if position >= run:
                        ends = ends_segment(data, position, stop, sep, &run)
                    stats[2 if ends else 3] += 1
                    if not ends:
                        continue
            else:
                stats[0] += 1
            if position > begin:
                if push(segments, <uint32_t> begin) or push(segments, position) or push(segments, first):
                    return -1
            elif octet == 13 or position == start or data[position - 1] != 13:
                stats[4] += 1
            begin = position + 1
            first = <uint32_t> fields.count
        at = reached
    if begin < stop:
        stats[5] = 1
        if push(segments, <uint32_t> begin) or push(segments, <uint32_t> stop) or push(segments, first):
            return -1
    return 0


def index(data, Py_ssize_t start, Py_ssize_t stop, int separator):
    """Index a message; see the pure twin."""
    cdef Py_buffer view
    cdef Offsets segments, fields
    cdef uint32_t stats[6]
    cdef size_t ends
    cdef int failed, k
    cdef const unsigned char *raw
    cdef bytes marks
    segments.items = NULL
    segments.count = fields.count = 0
    for k in range(6):
        stats[k] = 0
    PyObject_GetBuffer(data, &view, PyBUF_SIMPLE)
    try:
        if not 0 <= start <= stop <= view.len or view.len > 0xFFFFFFFE or not 0 <= separator <= 255:
            raise ValueError("range")
        raw = <const unsigned char *> view.buf
        with nogil:
            fields.room = er7_tally(raw, start, stop, <unsigned char> separator, &ends)
        segments.room = 3 * (ends + 1)
        segments.items = <uint32_t *> malloc(segments.room * sizeof(uint32_t))
        if segments.items == NULL:
            raise MemoryError
        marks = PyBytes_FromStringAndSize(NULL, fields.room * sizeof(uint32_t))
        fields.items = <uint32_t *> PyBytes_AS_STRING(marks)
        with nogil:
            failed = scan(raw, start, stop, <unsigned char> separator, &segments, &fields, stats)
        if failed or fields.count != fields.room:
            raise BufferError("changed")
        return (
            PyBytes_FromStringAndSize(<char *> segments.items, segments.count * sizeof(uint32_t)),
            marks,
            (stats[0], stats[1], stats[2], stats[3], stats[4], stats[5]),
        )
    finally:
        PyBuffer_Release(&view)
        free(segments.items)


def heads(data, Py_ssize_t start, Py_ssize_t stop):
    """Find what may be a header; see the pure twin."""
    cdef Py_buffer view
    cdef const unsigned char *raw
    cdef const unsigned char *hit
    cdef Py_ssize_t at = start, size
    cdef list found = []
    PyObject_GetBuffer(data, &view, PyBUF_SIMPLE)
    try:
        raw, size = <const unsigned char *> view.buf, view.len
        if start < 0:
            raise ValueError("range")
        if stop > size:
            stop = size
        while at < size and at <= stop + 2:
            hit = <const unsigned char *> memchr(raw + at, 83, size - at)
            if hit == NULL:
                break
            at = hit - raw
            if at > start and at - 1 <= stop and raw[at - 1] == 77 and at + 1 < size and raw[at + 1] == 72:
                found.append(at - 1)
            elif at >= start + 2 and at - 2 <= stop and (raw[at - 1] == 72 or raw[at - 1] == 84):
                if raw[at - 2] == 70 or raw[at - 2] == 66:
                    found.append(at - 2)
            at += 1
        return found
    finally:
        PyBuffer_Release(&view)


def tidy(data, segments, fields, bytes known not None, bytes inner not None):
    """Tell whether the segments are known ones and hold no others; see the pure twin."""
    cdef Py_buffer view, seg, fld
    PyObject_GetBuffer(data, &view, PyBUF_SIMPLE)
    try:
        PyObject_GetBuffer(segments, &seg, PyBUF_SIMPLE)
        try:
            PyObject_GetBuffer(fields, &fld, PyBUF_SIMPLE)
            try:
                if seg.len % 12 or fld.len % 4:
                    raise ValueError("index")
                check(view.len, <const uint32_t *> seg.buf, seg.len // 12, <const uint32_t *> fld.buf, fld.len // 4)
                return er7_tidy(
                    <const unsigned char *> view.buf, view.len, <const uint32_t *> seg.buf, seg.len // 12,
                    <const uint32_t *> fld.buf, fld.len // 4, <const unsigned char *> PyBytes_AS_STRING(known),
                    PyBytes_GET_SIZE(known), <const unsigned char *> PyBytes_AS_STRING(inner), PyBytes_GET_SIZE(inner),
                ) != 0
            finally:
                PyBuffer_Release(&fld)
        finally:
            PyBuffer_Release(&seg)
    finally:
        PyBuffer_Release(&view)


cdef int decimal(const unsigned char *data, size_t at, size_t stop, int64_t *mantissa, int *exponent) noexcept nogil:
    """Read ``[+-]digits[.digits]``; 0 when exact, -1 when it is something else or too wide."""
    cdef int64_t value = 0
    cdef int digits = 0, seen = 0, fraction = 0
    cdef bint negative = False, point = False
    cdef unsigned char c
    if at < stop and (data[at] == 45 or data[at] == 43):
        negative = data[at] == 45
        at += 1
    while at < stop:
        c = data[at]
        if 48 <= c <= 57:
            seen += 1
            if value or c != 48:
                digits += 1
            if digits > MAX_DIGITS:
                return -1
            value = value * 10 + (c - 48)
            if point:
                fraction += 1
        elif c == 46 and not point:
            point = True
        else:
            return -1
        at += 1
    if not seen or fraction > MAX_DIGITS:
        return -1
    mantissa[0] = -value if negative else value
    exponent[0] = -fraction
    return 0


cdef inline void first_part(const unsigned char *data, uint32_t *span, unsigned char a, unsigned char b) noexcept nogil:
    cdef uint32_t i = span[0]
    while i < span[1] and data[i] != a and data[i] != b:
        i += 1
    span[1] = i


cdef void read_row(const unsigned char *data, uint32_t start, uint32_t end, const uint32_t *seps, size_t n,
                   unsigned char component, unsigned char repetition, const uint8_t *wanted, uint32_t *spans,
                   int64_t *mantissa, int8_t *exponent, uint8_t *flag) noexcept nogil:
    cdef size_t k, number
    cdef int power = 0
    cdef uint32_t begin, finish, i
    for k in range(COLUMNS):
        number = wanted[k]
        if number <= n:
            spans[2 * k] = seps[number - 1] + 1
            spans[2 * k + 1] = seps[number] if number < n else end
        else:
            spans[2 * k] = spans[2 * k + 1] = end
    mantissa[0] = 0
    exponent[0] = 0
    if spans[1] - spans[0] != 2 or data[spans[0]] != 78 or data[spans[0] + 1] != 77:
        flag[0] = 4
        return
    begin = spans[6]
    finish = spans[7]
    if begin == finish:
        flag[0] = 1
    elif finish - begin == 2 and data[begin] == 34 and data[begin + 1] == 34:
        flag[0] = 2
    elif decimal(data, begin, finish, mantissa, &power) == 0:
        exponent[0] = <int8_t> power
        flag[0] = 0
    else:
        flag[0] = 3


def obx_rows(data, segments, fields, int component, int repetition):
    """Read all OBX segments into columns; see the pure twin."""
    cdef Py_buffer view, seg, fld
    cdef const unsigned char *raw
    cdef const uint32_t *triples
    cdef const uint32_t *seps
    cdef size_t n_segments, n_fields, s, rows = 0, row = 0, count
    cdef uint8_t wanted[COLUMNS]
    cdef uint32_t *spans
    cdef uint32_t *ordinals
    cdef int64_t *mantissas
    cdef int8_t *exponents
    cdef uint8_t *flags
    for s in range(COLUMNS):
        wanted[s] = <uint8_t> (s + 2 if s < 7 else (11, 14, 17, 18, 20)[s - 7])
    PyObject_GetBuffer(data, &view, PyBUF_SIMPLE)
    PyObject_GetBuffer(segments, &seg, PyBUF_SIMPLE)
    PyObject_GetBuffer(fields, &fld, PyBUF_SIMPLE)
    try:
        raw = <const unsigned char *> view.buf
        triples = <const uint32_t *> seg.buf
        seps = <const uint32_t *> fld.buf
        if seg.len % 12 or fld.len % 4:
            raise ValueError("index")
        n_segments = seg.len // 12
        n_fields = fld.len // 4
        check(view.len, triples, n_segments, seps, n_fields)
        for s in range(n_segments):
            rows += is_obx(raw, triples + 3 * s)
        o_spans = PyBytes_FromStringAndSize(NULL, rows * COLUMNS * 8)
        o_ordinals = PyBytes_FromStringAndSize(NULL, rows * 4)
        o_mantissas = PyBytes_FromStringAndSize(NULL, rows * 8)
        o_exponents = PyBytes_FromStringAndSize(NULL, rows)
        o_flags = PyBytes_FromStringAndSize(NULL, rows)
        spans = <uint32_t *> <char *> o_spans
        ordinals = <uint32_t *> <char *> o_ordinals
        mantissas = <int64_t *> <char *> o_mantissas
        exponents = <int8_t *> <char *> o_exponents
        flags = <uint8_t *> <char *> o_flags
        with nogil:
            for s in range(n_segments):
                if not is_obx(raw, triples + 3 * s):
                    continue
                if row == rows:  # somebody else writes into a buffer that is no bytes
                    row += 1
                    break
                count = (triples[3 * s + 5] if s + 1 < n_segments else <uint32_t> n_fields) - triples[3 * s + 2]
                ordinals[row] = <uint32_t> s
                read_row(raw, triples[3 * s], triples[3 * s + 1], seps + triples[3 * s + 2], count,
                         <unsigned char> component, <unsigned char> repetition, wanted, spans + row * COLUMNS * 2,
                         mantissas + row, exponents + row, flags + row)
                row += 1
        if row != rows:
            raise BufferError("changed")
        return o_ordinals, o_spans, o_mantissas, o_exponents, o_flags
    finally:
        PyBuffer_Release(&view)
        PyBuffer_Release(&seg)
        PyBuffer_Release(&fld)


cdef struct PlainRow:
    int64_t mantissa
    uint32_t code
    uint32_t unit
    uint32_t start
    uint32_t stop
    uint32_t time
    int8_t exponent


cdef long known_as(const unsigned char *raw, uint32_t start, uint32_t stop, dict table) except -3:
    """Return what a table says of a slice, -2 when it knows nothing."""
    found = table.get(PyBytes_FromStringAndSize(<const char *> raw + start, stop - start))
    return -2 if found is None else found


cdef inline bint is_same(const unsigned char *raw, uint32_t start, uint32_t stop, object key) noexcept:
    return PyBytes_GET_SIZE(key) == stop - start and memcmp(raw + start, PyBytes_AS_STRING(key), stop - start) == 0


def plain_rows(data, segments, fields, dict codes, dict rests, list recent=None):
    """Read the plain numbers of all OBX segments by what is known of their codes and units; see the pure twin."""
    cdef Py_buffer view, seg, fld
    cdef const unsigned char *raw
    cdef const uint32_t *triples
    cdef const uint32_t *seps
    cdef size_t n_segments, n_fields, s, count, t, kept = 0, n_obx = 0, first = 0, last = 0, n_times = 0
    cdef Py_ssize_t exacts = 0
    cdef uint8_t wanted[COLUMNS]
    cdef uint32_t spans[2 * COLUMNS]
    cdef uint32_t stamps[2 * MAX_TIMES]
    cdef uint32_t size
    cdef PlainRow *rows = NULL
    cdef PlainRow row
    cdef uint8_t flag
    cdef long code, rest
    cdef long states = 0
    cdef bint complete = True
    for s in range(COLUMNS):
        wanted[s] = <uint8_t> (s + 2 if s < 7 else (11, 14, 17, 18, 20)[s - 7])
    PyObject_GetBuffer(data, &view, PyBUF_SIMPLE)
    PyObject_GetBuffer(segments, &seg, PyBUF_SIMPLE)
    PyObject_GetBuffer(fields, &fld, PyBUF_SIMPLE)
    try:
        raw = <const unsigned char *> view.buf
        triples = <const uint32_t *> seg.buf
        seps = <const uint32_t *> fld.buf
        if seg.len % 12 or fld.len % 4:
            raise ValueError("index")
        n_segments = seg.len // 12
        n_fields = fld.len // 4
        check(view.len, triples, n_segments, seps, n_fields)
        rows = <PlainRow *> malloc((n_segments + 1) * sizeof(PlainRow))
        if rows == NULL:
            raise MemoryError
        for s in range(n_segments):
            if not is_obx(raw, triples + 3 * s):
                continue
            if not n_obx:
                first = s
            last = s
            n_obx += 1
            count = (triples[3 * s + 5] if s + 1 < n_segments else <uint32_t> n_fields) - triples[3 * s + 2]
            read_row(raw, triples[3 * s], triples[3 * s + 1], seps + triples[3 * s + 2], count, 0, 0, wanted, spans,
                     &row.mantissa, &row.exponent, &flag)
            if flag or not complete:
                continue
            known = recent[exacts] if recent is not None and exacts < len(recent) else None
            if (known is not None and is_same(raw, spans[2], spans[5], (<tuple> known)[0])
                    and is_same(raw, spans[8], spans[15], (<tuple> known)[2])):
                code = (<tuple> known)[1]
                rest = (<tuple> known)[3]
            else:
                code = known_as(raw, spans[2], spans[5], codes)
                rest = known_as(raw, spans[8], spans[15], rests)
                if code == -2 or rest == -2:
                    complete = False
                    continue
                if recent is not None:
                    known = (PyBytes_FromStringAndSize(<const char *> raw + spans[2], spans[5] - spans[2]), code,
                             PyBytes_FromStringAndSize(<const char *> raw + spans[8], spans[15] - spans[8]), rest)
                    if exacts < len(recent):
                        recent[exacts] = known
                    elif exacts == len(recent) and exacts < MAX_RECENT:
                        recent.append(known)
            exacts += 1
            if code < 0 or rest < 0:
                continue
            size = spans[17] - spans[16]
            t = 0
            while t < n_times and (stamps[2 * t + 1] - stamps[2 * t] != size
                                   or memcmp(raw + stamps[2 * t], raw + spans[16], size)):
                t += 1
            if t == n_times:
                if t == MAX_TIMES:
                    complete = False
                    continue
                stamps[2 * t] = spans[16]
                stamps[2 * t + 1] = spans[17]
                n_times += 1
            states |= 1 << (rest & 15)
            row.code = <uint32_t> code
            row.unit = <uint32_t> ((rest >> 4) - 1)
            row.start = triples[3 * s]
            row.stop = triples[3 * s + 1]
            row.time = <uint32_t> t
            rows[kept] = row
            kept += 1
        shape = (first, n_obx, bool(n_obx and last - first == n_obx - 1))
        if not complete:
            return shape, None
        times = [PyBytes_FromStringAndSize(<const char *> raw + stamps[2 * t], stamps[2 * t + 1] - stamps[2 * t])
                 for t in range(n_times)]
        return shape, (*columns_of(rows, kept), times, states)
    finally:
        free(rows)
        PyBuffer_Release(&view)
        PyBuffer_Release(&seg)
        PyBuffer_Release(&fld)


cdef tuple columns_of(const PlainRow *rows, size_t n):
    """Turn rows into packed columns."""
    cdef bytes mantissas = PyBytes_FromStringAndSize(NULL, 8 * n)
    cdef bytes exponents = PyBytes_FromStringAndSize(NULL, n)
    cdef bytes codes = PyBytes_FromStringAndSize(NULL, 4 * n)
    cdef bytes units = PyBytes_FromStringAndSize(NULL, 4 * n)
    cdef bytes starts = PyBytes_FromStringAndSize(NULL, 4 * n)
    cdef bytes stops = PyBytes_FromStringAndSize(NULL, 4 * n)
    cdef bytes moments = PyBytes_FromStringAndSize(NULL, 4 * n)
    cdef size_t i
    for i in range(n):
        (<int64_t *> <char *> mantissas)[i] = rows[i].mantissa
        (<int8_t *> <char *> exponents)[i] = rows[i].exponent
        (<uint32_t *> <char *> codes)[i] = rows[i].code
        (<uint32_t *> <char *> units)[i] = rows[i].unit
        (<uint32_t *> <char *> starts)[i] = rows[i].start
        (<uint32_t *> <char *> stops)[i] = rows[i].stop
        (<uint32_t *> <char *> moments)[i] = rows[i].time
    return mantissas, exponents, codes, units, starts, stops, moments


cdef inline bint is_obx(const unsigned char *raw, const uint32_t *triple) noexcept nogil:
    return triple[1] - triple[0] >= 3 and memcmp(raw + triple[0], b"OBX", 3) == 0


cdef int check(Py_ssize_t size, const uint32_t *triples, size_t n_segments, const uint32_t *seps,
               size_t n_fields) except -1:
    """Refuse an index that is not of this buffer: nothing outside it may be read."""
    cdef size_t s
    cdef uint32_t previous = 0
    for s in range(n_segments):
        if triples[3 * s] > triples[3 * s + 1] or triples[3 * s + 1] > size:
            raise ValueError("index")
        if triples[3 * s + 2] < previous or triples[3 * s + 2] > n_fields:
            raise ValueError("index")
        previous = triples[3 * s + 2]
    for s in range(n_fields):
        if seps[s] >= size:
            raise ValueError("index")
    return 0


def samples(data, Py_ssize_t start, Py_ssize_t stop, int separator):
    """Read numbers between separators exactly; see the pure twin."""
    cdef Py_buffer view
    cdef const unsigned char *raw
    cdef Py_ssize_t i, n = 1
    cdef bytes numbers, marks
    cdef int64_t *out
    cdef uint8_t *mark
    cdef int8_t *powers
    cdef int low = 0
    cdef bint exact = True
    cdef Py_ssize_t missing
    PyObject_GetBuffer(data, &view, PyBUF_SIMPLE)
    powers = NULL
    try:
        if not 0 <= start <= stop <= view.len:
            raise ValueError("range")
        raw = <const unsigned char *> view.buf
        for i in range(start, stop):
            n += raw[i] == separator
        numbers = PyBytes_FromStringAndSize(NULL, n * 8)
        marks = PyBytes_FromStringAndSize(NULL, n)
        out = <int64_t *> <char *> numbers
        mark = <uint8_t *> <char *> marks
        powers = <int8_t *> malloc(n)
        if powers == NULL:
            raise MemoryError
        with nogil:
            missing = read_samples(raw, start, stop, <unsigned char> separator, n, out, powers, mark, &low, &exact)
            if missing >= 0 and low:
                for i in range(n):
                    exact = exact and (powers[i] == low or mark[i])
                if align(out, powers, n, low):
                    missing = -1
        if missing == -2:
            raise BufferError("changed")
        if missing < 0:
            return None
        return n, numbers, low, marks if missing else None, exact
    finally:
        free(powers)
        PyBuffer_Release(&view)


cdef inline bint shortest(const unsigned char *raw, Py_ssize_t begin, Py_ssize_t stop, int64_t value) noexcept nogil:
    """Tell whether a number has no plus sign, no leading zero, no bare point, and no sign before zero."""
    if raw[begin] == 45:
        begin += 1
        if value == 0:
            return False
    if raw[begin] == 48 and begin + 1 < stop and raw[begin + 1] != 46:
        return False
    return raw[begin] != 43 and raw[begin] != 46 and raw[stop - 1] != 46


cdef Py_ssize_t read_samples(const unsigned char *raw, Py_ssize_t start, Py_ssize_t stop, unsigned char separator,
                             Py_ssize_t room, int64_t *out, int8_t *powers, uint8_t *mark, int *low, bint *exact) noexcept nogil:
    """Fill the columns; return how many samples are missing, -1 when one is no exact number, -2 for more than counted.

    ``exact`` becomes false when a number is written in another way than with the fewest digits before the point.
    """
    cdef Py_ssize_t at = start, begin = start, row = 0, missing = 0
    cdef int power
    while at <= stop:
        if at == stop or raw[at] == separator:
            if row == room:
                return -2
            power = 0
            if at == begin:
                out[row] = 0
                mark[row] = 1
                missing += 1
            elif decimal(raw, begin, at, out + row, &power) == 0:
                mark[row] = 0
                if power < low[0]:
                    low[0] = power
                if not shortest(raw, begin, at, out[row]):
                    exact[0] = False
            else:
                return -1
            powers[row] = <int8_t> power
            row += 1
            begin = at + 1
        at += 1
    return missing if row == room else -2


cdef int align(int64_t *out, const int8_t *powers, Py_ssize_t n, int low) noexcept nogil:
    """Bring all mantissas to the lowest exponent; -1 when one would not fit into 63 bits."""
    cdef Py_ssize_t i
    cdef int k
    cdef int64_t value
    cdef int64_t limit = 922337203685477580
    for i in range(n):
        value = out[i]
        if value == 0:
            continue
        for k in range(powers[i] - low):
            if value > limit or value < -limit:
                return -1
            value *= 10
        out[i] = value
    return 0
