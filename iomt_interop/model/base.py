"""What every canonical value shares: frozen, compared by content, silent about what it holds."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import blake2b
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from ..errors import InvalidRecord, ModelError

__all__ = ["Model", "record_id"]


class Model(BaseModel):
    """Base of all canonical values.

    Frozen, hashable, equal by content, strict (no coercion), closed (no unknown field). Its ``repr`` names
    the class and nothing else, so that a record in a log line says nothing of a patient; use
    ``model_dump()`` to look inside.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        hide_input_in_errors=True,
        defer_build=True,
        ser_json_bytes="base64",
        val_json_bytes="base64",
        revalidate_instances="never",
        use_attribute_docstrings=True,
    )

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        return iter(())

    def __str__(self) -> str:
        return repr(self)

    def replace(self, **changes: Any) -> Self:
        """Return a validated copy with some fields changed.

        Raises
        ------
        ModelError
            ``MDL-005`` when the changed record does not fit the model.
        """
        values = {name: getattr(self, name) for name in self.model_fields_set}
        try:
            return type(self)(**(values | changes))
        except ValidationError as error:
            raise model_error(error) from None


def model_error(error: ValidationError) -> ModelError:
    """Turn a validation error of pydantic, which holds input values, into one of ours, which does not."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    path = ".".join(str(part) for part in first["loc"] if isinstance(part, int) or str(part).isidentifier())
    return InvalidRecord("MDL-005", path=path or None, hint=str(first["type"]))


def record_id(*parts: str | bytes | int | None) -> str:
    """Return the deterministic id of a record: 32 hexadecimal digits of BLAKE2b over its stable key.

    The same key gives the same id in every process and version, so that a re-sent message makes no second
    record. Parts are length-prefixed: ``("ab", "c")`` and ``("a", "bc")`` differ.
    """
    pieces: list[bytes] = []
    for part in parts:
        if part is None:
            pieces.append(b"-")
            continue
        raw = part if isinstance(part, bytes) else str(part).encode("utf-8", "surrogatepass")
        pieces += (b"%d:" % len(raw), raw)
    return blake2b(b"".join(pieces), digest_size=16).hexdigest()
