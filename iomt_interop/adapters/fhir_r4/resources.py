"""The payload as objects of fhir.resources, for callers that want a class library; never on the way of the data.

fhir.resources has no R4 package; its R4B classes read R4 devices, observations and patients. It keeps neither the
written form of a decimal nor that of a time: take the bytes of the writer where these matter.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...errors import MalformedInput, NotRepresentable
from .fields import text_of
from .jsontext import dumps, parse

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["to_fhir_resources"]


def to_fhir_resources(payload: bytes) -> list[Any]:
    """Return a payload of this adapter as objects of ``fhir.resources.R4B``.

    Parameters
    ----------
    payload : bytes
        A resource, a Bundle or NDJSON.

    Returns
    -------
    list
        One object per resource or line; a Bundle is one object.

    Raises
    ------
    MalformedInput
        ``FHR-002`` when the payload is not JSON, ``FHR-009`` when it is no resource.
    NotRepresentable
        ``FHR-201`` when fhir.resources does not accept a resource; the path names its type.
    """
    from fhir.resources.R4B import get_fhir_model_class  # noqa: PLC0415 - heavy: only for callers that ask
    from pydantic import ValidationError  # noqa: PLC0415

    found: list[Any] = []
    for text in _texts(payload):
        tree = parse(text)
        name = text_of(tree, "resourceType")
        if name is None:
            raise MalformedInput("FHR-009")
        try:
            found.append(get_fhir_model_class(name).model_validate_json(dumps(tree)))
        except (ValidationError, KeyError, LookupError, ValueError):
            raise NotRepresentable("FHR-201", path=name if name.isalpha() else None) from None
    return found


def _texts(payload: bytes) -> Iterator[bytes]:
    try:
        parse(payload)
    except MalformedInput:
        yield from (line for line in payload.splitlines() if line.strip())
    else:
        yield payload
