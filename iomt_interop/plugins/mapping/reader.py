"""The reader of a declarative adapter."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ...errors import InputError, InvalidRequest
from ...model import Record
from ..contract import ReadContext, Reader, ReaderFactory
from .clock import check_zone
from .engine import Engine
from .schema import Mapping, parse_mapping
from .units import Unit, make_framer

__all__ = ["MappedReader", "make_factory"]


def make_factory(text: str, adapter_id: str, adapter_version: str) -> ReaderFactory:
    """Return what makes readers of a mapping.

    Parameters
    ----------
    text : str
        The mapping, TOML.
    adapter_id : str
        Id of the adapter; the namespace of its extensions.
    adapter_version : str
        Version of the adapter, for provenance.

    Raises
    ------
    AdapterContractError
        ``MAP-001`` when the mapping is not valid.
    """
    mapping = parse_mapping(text)

    def make_reader(context: ReadContext, /) -> Reader:
        return MappedReader(mapping, context, adapter_id, adapter_version)

    return make_reader


class MappedReader:
    """Reader of one source by a mapping.

    Parameters
    ----------
    mapping : Mapping
        The rules; readers share it.
    context : ReadContext
        How to read.
    adapter, version : str
        For provenance.
    """

    def __init__(self, mapping: Mapping, context: ReadContext, adapter: str, version: str) -> None:
        try:
            check_zone(context.default_zone)
        except ValueError:
            raise InvalidRequest("USE-001", path="context.default_zone") from None
        self._framer = make_framer(mapping, context)
        self.engine = Engine(mapping, context, adapter, version)
        self._failure: InputError | None = None

    def feed(self, chunk: bytes | memoryview, /) -> Sequence[Record]:
        """Take octets and return the records of what is now whole."""
        if self._failure is not None:
            raise self._failure
        return self._collect(self._framer.feed(chunk))

    def finish(self) -> Sequence[Record]:
        """End the source and return the rest.

        Raises
        ------
        TruncatedInput
            ``MAP-106`` when the source ends inside a structure.
        """
        if self._failure is not None:
            raise self._failure
        records = [record for unit in self._framer.finish() for record in self.engine.run(unit)]
        return [*records, *self.engine.finish()]

    def _collect(self, units: Iterator[Unit]) -> list[Record]:
        """Return what comes before an error, and raise the error at the next call: so it is for all cuts."""
        records: list[Record] = []
        try:
            for unit in units:
                records += self.engine.run(unit)
        except InputError as error:
            if not records:
                raise
            self._failure = error.with_traceback(None)
        return records
