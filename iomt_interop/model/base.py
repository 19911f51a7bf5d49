"""What every canonical value shares: frozen, compared by content, silent about what it holds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from .._accel import load
from ..errors import InvalidRecord, ModelError

__all__ = ["Model", "Mould", "mould_of", "record_id"]

T = TypeVar("T", bound="Model")

if TYPE_CHECKING:
    from .._accel import mould_py as kernel
else:
    kernel = load("mould")


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

    @classmethod
    def of_valid(cls, values: dict[str, Any]) -> Self:
        """Return what ``cls(**values)`` gives for values that are known to fit, without looking at them.

        For readers that make many records of values which they made themselves: it takes a tenth of the time.
        Whoever uses it shows by a test that what comes out passes validation.

        Raises
        ------
        ModelError
            ``MDL-005`` when a field is missing or unknown; nothing else is checked.
        """
        return kernel.completed(cls, *_template(cls), values)


class _Given(set[str]):
    """The fields that a record was given, with the mould that it was cast from; a copy is a plain set."""

    __slots__ = ("mould",)

    def __init__(self, names: Iterable[str], mould: Mould[Any]) -> None:
        super().__init__(names)
        self.mould = mould

    def __copy__(self) -> set[str]:
        return set(self)

    def __deepcopy__(self, memo: object) -> set[str]:
        return set(self)

    def __reduce__(self) -> tuple[Any, ...]:
        return set, (list(self),)


class Mould(Generic[T]):
    """Makes many records that differ in a few fields only from one that is given.

    Parameters
    ----------
    record : Model
        The first one.
    without : dict, optional
        The fields that differ, with what is kept in the place of the record's own values where those must not be
        remembered; by default every field may differ.

    Attributes
    ----------
    varied : frozenset of str
        The fields that differ.
    notes : dict
        What writers worked out of all other fields, by their own keys.
    """

    __slots__ = ("_fields", "_given", "_model", "notes", "varied")

    def __init__(self, record: T, without: dict[str, Any] | None = None) -> None:
        self._model: type[T] = type(record)
        self._fields = dict(record.__dict__) | (without or {})
        given = record.model_fields_set
        self._given = set(given) if without is None else _Given({*given, *without}, self)
        self.varied = frozenset(self._fields if without is None else without)
        self.notes: dict[tuple[Any, ...], Any] = {}

    def __repr__(self) -> str:
        return f"Mould({self._model.__name__})"

    @property
    def record(self) -> T:
        """What is kept."""
        return self.cast({})

    @property
    def parts(self) -> tuple[type[T], dict[str, Any], Any]:
        """Model, fields, and the fields that were given, for kernels."""
        return self._model, self._fields, self._given

    def cast(self, changes: dict[str, Any]) -> T:
        """Return a copy with other values in fields that may differ; as :meth:`Model.of_valid`.

        Without a statement which fields those are, they must be fields that the record was given.

        Raises
        ------
        ModelError
            ``MDL-005`` when another field changes than those that may differ.
        """
        return kernel.cast(self._model, self._fields, self.varied, self._given, changes)


def mould_of(record: Model) -> Mould[Any] | None:
    """Return what a record was cast from, if it is known to differ from others of it in the varied fields only."""
    given = record.__pydantic_fields_set__
    return given.mould if type(given) is _Given else None


@cache
def _template(model: type[Model]) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return the defaults of a model in the order of its fields, and the fields that have none."""
    fields = model.model_fields
    return (
        {name: None if field.is_required() else field.get_default() for name, field in fields.items()},
        tuple(name for name, field in fields.items() if field.is_required()),
    )


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
    # The pieces of ASCII text are as long in octets as in characters.
    texts = [part if type(part) is str else str(part) if type(part) is int else "" for part in parts]
    joined = "".join([f"{len(text)}:{text}" for text in texts])
    if "" not in texts and joined.isascii():
        return blake2b(joined.encode("ascii"), digest_size=16).hexdigest()
    return blake2b(b"".join(map(_piece, parts)), digest_size=16).hexdigest()


def _piece(part: str | bytes | int | None) -> bytes:
    if part is None:
        return b"-"
    raw = part if isinstance(part, bytes) else str(part).encode("utf-8", "surrogatepass")
    return b"%d:%s" % (len(raw), raw)
