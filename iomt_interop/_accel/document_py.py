"""The JSON of a canonical record in plain Python: what pydantic writes. The specification of ``ext/document.pyx``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, get_args

__all__ = ["MAX_DEPTH", "dump", "parts_of"]

MAX_DEPTH: Final = 64
"""Values in values that the compiled kernel follows; what is deeper takes the other way."""


def dump(record: Any) -> bytes:
    """Return a record as JSON (RFC 8259), UTF-8: its fields in their order, without those that are ``None``.

    Octets are base64 with the alphabet for URLs (RFC 4648 section 5).

    Parameters
    ----------
    record : BaseModel
        A canonical record, or any of its parts.

    Raises
    ------
    PydanticSerializationError
        When a text holds half a surrogate pair.
    """
    text: bytes = record.__pydantic_serializer__.to_json(record, exclude_none=True)
    return text


def parts_of(model: Any) -> dict[str, frozenset[type]]:
    """Return the classes of models that each field of a model may hold.

    An instance of a class derived from one of them is none of these: of it only the fields of the declared class are
    written, which is left to pydantic.
    """
    return {name: frozenset(_models_in(field.annotation)) for name, field in model.model_fields.items()}


def _models_in(annotation: Any) -> Iterator[type]:
    if hasattr(annotation, "model_fields"):
        yield annotation
    for part in get_args(annotation):
        yield from _models_in(part)
