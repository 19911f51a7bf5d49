"""Field tables of pydantic models, as reStructuredText."""

from __future__ import annotations

import inspect
import sys
import types
from collections.abc import Callable, Iterator
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from iomt_rst import indented, literal, table
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from iomt_interop import model

__all__ = ["field_rows", "model_lines", "own_members", "type_text"]


def type_text(annotation: Any, home: str) -> str:
    """Return a type in reStructuredText, models as references, a union by its members."""
    origin, args = get_origin(annotation), get_args(annotation)
    if origin in (Union, types.UnionType, Annotated) and (alias := _alias(annotation)):
        return f":data:`~iomt_interop.model.{alias}`"
    if origin in _GENERICS:
        return _GENERICS[origin](args, home)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        # A part of another package is linked there.
        own = hasattr(sys.modules.get(home), annotation.__name__)
        return f":class:`~{home if own else annotation.__module__}.{annotation.__name__}`"
    return literal(getattr(annotation, "__name__", annotation))


def _alias(annotation: Any) -> str | None:
    """Return the name of the model's union that an annotation is, or is with ``None``."""
    members = set(_members(annotation))
    return next((name for name in ("Record", "Time", "Value") if set(_members(getattr(model, name))) <= members), None)


def _members(annotation: Any) -> Iterator[Any]:
    if get_origin(annotation) is Annotated:
        yield from _members(get_args(annotation)[0])
    elif get_origin(annotation) in (Union, types.UnionType):
        for member in get_args(annotation):
            yield from _members(member)
    else:
        yield annotation


def _union(args: tuple[Any, ...], home: str) -> str:
    return " or ".join(type_text(arg, home) for arg in args if arg is not type(None))


def _tuple(args: tuple[Any, ...], home: str) -> str:
    if args[-1:] == (Ellipsis,):
        return f"list of {type_text(args[0], home)}"
    return "(" + ", ".join(type_text(arg, home) for arg in args) + ")"


_GENERICS: dict[Any, Callable[[tuple[Any, ...], str], str]] = {
    Annotated: lambda args, home: type_text(args[0], home),
    Literal: lambda args, _home: ", ".join(literal(arg) for arg in args),
    Union: _union,
    types.UnionType: _union,
    tuple: _tuple,
}


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    if value is PydanticUndefined or value is None or value == ():
        return ""
    if isinstance(value, BaseModel):
        shown = ", ".join(f"{k}={getattr(value, k)!r}" for k in type(value).model_fields if k in value.model_fields_set)
        return literal(f"{type(value).__name__}({shown})")
    return literal(repr(value) if isinstance(value, str) else value)


def field_rows(cls: type[BaseModel], home: str) -> Iterator[tuple[str, str, str, str]]:
    """Yield name, type, default and text of every field that the class itself declares."""
    inherited = {name for base in cls.__mro__[1:] for name in getattr(base, "model_fields", {})}
    declared = [n for n in cls.model_fields if n not in inherited or n in inspect.get_annotations(cls)]
    for name in declared:
        field = cls.model_fields[name]
        text = " ".join((field.description or "").split())
        yield f":model-field:`{home}.{cls.__name__}.{name}`", type_text(field.annotation, home), _default(field), text


def own_members(cls: type[BaseModel]) -> list[str]:
    """Return the public methods and properties that the class itself defines."""
    kinds = (types.FunctionType, property, classmethod, staticmethod)
    return [n for n, v in vars(cls).items() if not n.startswith("_") and isinstance(v, kinds)]


def model_lines(cls: type[BaseModel], home: str) -> list[str]:
    """Return an autodoc directive of a model with its field table inside."""
    lines = [f".. autoclass:: {home}.{cls.__name__}"]
    if members := own_members(cls):
        lines.append(f"   :members: {', '.join(members)}")
    lines.append("")
    bases = [base for base in cls.__bases__ if base.__name__ not in ("BaseModel", "Model", "_Data", "object")]
    if bases:
        names = ", ".join(f":class:`~{home}.{base.__name__}`" for base in bases)
        lines += indented([f"All fields of {names}, and:", ""])
    if rows := list(field_rows(cls, home)):
        lines += indented(table(("field", "type", "default", "meaning"), rows, widths=(18, 32, 14, 36)))
    return lines
