# cython: language_level=3
"""Compiled twin of ``iomt_interop/_accel/mould_py.py``: records made of values that are known to fit."""

from cpython.dict cimport PyDict_Copy, PyDict_Next, PyDict_Update
from cpython.object cimport PyObject

from iomt_interop._accel.mould_py import refuse as _refuse

cdef extern from "Python.h":
    int PyObject_GenericSetAttr(object, object, object) except -1
    int PySequence_Contains(object, object) except -1

cdef extern from *:
    """
    static PyObject *iomt_new(PyObject *model) {
        static PyObject *nothing = NULL;
        if (nothing == NULL && (nothing = PyTuple_New(0)) == NULL) return NULL;
        return ((PyTypeObject *)model)->tp_new((PyTypeObject *)model, nothing, NULL);
    }
    """
    object iomt_new(object model)

__all__ = ["cast", "cast_report", "completed", "filled"]

cdef str _dict = "__dict__"
cdef str _given = "__pydantic_fields_set__"
cdef str _extra = "__pydantic_extra__"
cdef str _private = "__pydantic_private__"


cpdef object filled(object model, dict fields, object given):
    if not isinstance(model, type):
        raise TypeError("model")
    cdef object found = iomt_new(model)
    PyObject_GenericSetAttr(found, _dict, fields)
    PyObject_GenericSetAttr(found, _given, given)
    PyObject_GenericSetAttr(found, _extra, None)
    PyObject_GenericSetAttr(found, _private, None)
    return found


def completed(object model, dict template not None, tuple required not None, dict values not None):
    cdef dict own = PyDict_Copy(template)
    cdef object name
    PyDict_Update(own, values)
    if len(own) != len(template):
        raise _refuse()
    for name in required:
        if name not in values:
            raise _refuse()
    return filled(model, own, set(values))


def cast(object model, dict fields, frozenset varied, object given, dict changes):
    cdef PyObject* name
    cdef Py_ssize_t at = 0
    cdef dict own
    while PyDict_Next(changes, &at, &name, NULL):
        if not PySequence_Contains(varied, <object>name):
            raise _refuse()
    own = PyDict_Copy(fields)
    PyDict_Update(own, changes)
    return filled(model, own, given)


cdef object _number(str text):
    """Return mantissa and exponent of a plain number of at most 18 digits that is written as it would be again."""
    cdef Py_ssize_t at = 0, length = len(text), digits, point = -1
    cdef long long value = 0
    cdef bint negative = False
    cdef Py_UCS4 character
    if length == 0 or length > 20:
        return None
    if text[0] == 45:
        negative = True
        at = 1
    digits = at
    while at < length:
        character = text[at]
        if character == 46 and point < 0 and at > digits:
            point = at
        elif 48 <= character <= 57:
            value = value * 10 + <long long>(<int>character - 48)
        else:
            return None
        at += 1
    if point == length - 1 or length - digits - (point >= 0) > 18 or length == digits:
        return None
    # Leading zeros and the zero that has a sign are not written again.
    if text[digits] == 48 and (length - digits if point < 0 else point - digits) > 1 or negative and value == 0:
        return None
    return (-value if negative else value), (0 if point < 0 else point + 1 - length)


cdef object _cast(tuple mould, dict changes):
    cdef dict own = PyDict_Copy(<dict>mould[1])
    PyDict_Update(own, changes)
    return filled(mould[0], own, mould[2])


def cast_report(tuple steps, list items, Py_ssize_t base, tuple origin, dict shared, frozenset sentinels,
                object amount_of, object time_of, object id_of, object doubt_of):
    cdef list found = [], fields
    cdef object segment, number, clause, where, value, time, last = None, known = None
    cdef tuple span, step, one
    cdef dict place, told = {"subject": shared["subject"]}, changes
    cdef Py_ssize_t index
    if len(steps) != len(items):
        raise ValueError("a step for each item")
    for index in range(len(steps)):
        segment = (<tuple>items[index])[0]
        step = <tuple>steps[index]
        span = segment.span
        place = {"span": (base + <Py_ssize_t>span[0], base + <Py_ssize_t>span[1]), "path": segment.path}
        where = _cast(origin, place)
        for one in <tuple>step[0]:
            if one[2] is not None:
                found.append(doubt_of(one[0], one[2], segment))
                continue
            clause = one[1]
            told["provenance"] = where
            if clause is not None:
                place["clause"] = clause
                told["provenance"] = _cast(origin, place)
            found.append(_cast(<tuple>one[0], told))
        if step[1] is None:
            continue
        fields = segment.fields
        if fields[5] in sentinels:
            return None
        number = _number(<str>fields[5])
        if number is None:
            value = amount_of(fields[5], step[2])
            if value is None:
                return None
        else:
            value = _cast(<tuple>step[2], {"mantissa": number[0], "exponent": number[1], "literal": None})
        time = shared["time"]
        if fields[14]:
            if fields[14] != last:
                last = fields[14]
                known = time_of(last, segment.syntax)
                if known is None:
                    return None
            time = known
        changes = PyDict_Copy(shared)
        changes["id"] = id_of("observation", segment)
        changes["provenance"] = where
        changes["value"] = value
        changes["time"] = time
        found.append(_cast(<tuple>step[1], changes))
    return found
