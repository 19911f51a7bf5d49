# Decimal digits and ASCII text that grows: what the kernels share that write JSON.

from cpython.mem cimport PyMem_Free, PyMem_Malloc, PyMem_Realloc
from cpython.unicode cimport PyUnicode_1BYTE_DATA, PyUnicode_GET_LENGTH
from libc.stdint cimport int64_t, uint64_t
from libc.string cimport memcpy

cdef extern from "Python.h":
    int PyUnicode_IS_COMPACT_ASCII(object)
    object PyUnicode_New(Py_ssize_t, Py_UCS4)


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

    cdef str whole(self):
        """Return the text."""
        cdef object text = PyUnicode_New(self.size, 127)
        memcpy(PyUnicode_1BYTE_DATA(text), self.data, self.size)
        return <str>text
