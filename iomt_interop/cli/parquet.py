"""``iomt export --to parquet``: what a vault holds as one Parquet file, encrypted unless clear text is asked for."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Final

import typer

from ..crypto import SecretKey
from ..errors import InvalidRequest
from ..model import Record, Subject
from ..plugins import Loss
from ..privacy.patient_data import is_patient_data
from ..vault import KeyFile

__all__ = ["PARQUET", "ParquetKeyOption", "ParquetOut", "PlaintextOption"]

PARQUET: Final = "parquet"
"""What ``--to`` calls it."""

ParquetKeyOption = Annotated[
    Path | None,
    typer.Option("--parquet-key-file", help="Key file of the Parquet file (--to parquet); made where there is none."),
]
PlaintextOption = Annotated[bool, typer.Option("--plaintext", help="Write the Parquet file in clear.")]


class ParquetOut:
    """Writes records as Parquet; it has what :class:`~iomt_interop.plugins.Writer` has.

    Parameters
    ----------
    key_file : Path or None
        The key's file; made where there is none.
    plaintext : bool
        Whether the file is in clear.
    include_test : bool
        Whether demo and test data are written.

    Raises
    ------
    InvalidRequest
        ``USE-001`` for neither a key file nor clear text, and for both; ``USE-002`` without pyarrow.
    """

    def __init__(self, key_file: Path | None, *, plaintext: bool, include_test: bool) -> None:
        if (key_file is None) is not plaintext:
            hint = "give --parquet-key-file FILE, or --plaintext for a file in clear"
            raise InvalidRequest("USE-001", path="--to parquet", hint=hint)
        try:
            from ..columnar import parquet_chunks  # noqa: PLC0415 - an extra
        except ImportError:
            hint = "pip install 'iomt_interop[columnar]'"
            raise InvalidRequest("USE-002", path="--to parquet", hint=hint) from None
        self._chunks, self._file, self._include_test = parquet_chunks, key_file, include_test
        self.losses: list[Loss] = []

    def write(self, records: Iterable[Record]) -> Iterator[bytes]:
        """Yield the file in chunks."""
        key = None if self._file is None else _key_of(self._file)
        kept = records if self._include_test else self._patients(records)
        return self._chunks(kept, key=key, plaintext=key is None)

    def _patients(self, records: Iterable[Record]) -> Iterator[Record]:
        confidences = {}
        for record in records:
            if isinstance(record, Subject):
                confidences[record.id] = record.confidence
            if is_patient_data(record, confidences.get):
                yield record
            else:
                self.losses.append(Loss(record.id, record.kind, "", "test data excluded"))


def _key_of(path: Path) -> SecretKey:
    keys = KeyFile(path) if os.path.lexists(path) else KeyFile.create(path)
    return keys.key(keys.parameters())
