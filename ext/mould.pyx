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

__all__ = ["cast", "filled"]

cdef str _dict = "__dict__"
cdef str _given = "__pydantic_fields_set__"
cdef str _extra = "__pydantic_extra__"
cdef str _private = "__pydantic_private__"


cpdef object filled(object model, dict fields, object given):
    cdef object found = iomt_new(model)
    PyObject_GenericSetAttr(found, _dict, fields)
    PyObject_GenericSetAttr(found, _given, given)
    PyObject_GenericSetAttr(found, _extra, None)
    PyObject_GenericSetAttr(found, _private, None)
    return found


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
