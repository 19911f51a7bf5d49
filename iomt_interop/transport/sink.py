"""From messages to a vault: read, store, say what became of each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from typing import Protocol, runtime_checkable

from ..errors import InputError, InvalidRecord, ModelError
from ..facade import message_reader, read
from ..model import Record
from ..plugins import ReadContext, Registry
from ..vault import PutResult
from .delivery import ACCEPTED, Delivery, Verdict, verdict_of

__all__ = ["Takes", "TakesGroups", "VaultSink"]


class Takes(Protocol):
    """What stores records: a vault, or what stands in front of one."""

    def put(self, records: Iterable[Record], /) -> PutResult:
        """Store records in one durable transaction."""
        ...


@runtime_checkable
class TakesGroups(Takes, Protocol):
    """What also stores several groups in one transaction, each whole or not at all, and takes them as they are made."""

    def put_groups(self, groups: Iterable[Iterable[Record]], /) -> list[PutResult | InvalidRecord]:
        """Store groups of records; what is no error of a group is an error of all."""
        ...


class VaultSink:
    """A store for a server: every batch is one transaction of a vault.

    A message is accepted when all its octets are in the vault: what the adapter understands as records, all else as
    residue. It is an error when the adapter refuses it, which a lenient one does only beyond the limits of its context;
    then nothing of it is stored, and the sender is told.

    Parameters
    ----------
    vault : Takes
        Open for writing, opened in the thread that calls the sink.
    adapter : str, optional
        Id of the adapter that reads; detected for each message when it is not given.
    context : ReadContext, optional
        How to read.
    registry : Registry, optional
        Where adapters are found.

    Attributes
    ----------
    counts : Counter
        What the vault did: ``stored``, ``replaced``, ``unchanged``; and ``issues``, ``residue`` among the records.
    """

    def __init__(
        self,
        vault: Takes,
        *,
        adapter: str | None = "hl7v2_oru",
        context: ReadContext | None = None,
        registry: Registry | None = None,
    ) -> None:
        self._vault, self._adapter, self._registry = vault, adapter, registry
        self._context = context or ReadContext()
        self._reader: Callable[[bytes], list[Record]] | None = None
        self.counts: Counter[str] = Counter()

    def __repr__(self) -> str:
        return f"VaultSink({self._vault!r})"

    def __call__(self, batch: Sequence[Delivery]) -> list[Verdict]:
        """Store a batch.

        Raises
        ------
        SecurityError
            When the vault does not take it: nothing of the batch is stored then.
        """
        if isinstance(self._vault, TakesGroups):
            return self._in_groups(self._vault, batch)
        verdicts = [ACCEPTED] * len(batch)
        found = list(self._groups(batch, verdicts))
        try:
            self._put([record for records in found for record in records])
        except InvalidRecord:
            # One of them: the others are not to suffer from it.
            for number, records in enumerate(found):
                try:
                    self._put(records)
                except InvalidRecord as error:
                    verdicts[number] = verdict_of(error)
        return verdicts

    def _in_groups(self, vault: TakesGroups, batch: Sequence[Delivery]) -> list[Verdict]:
        """Store a batch without holding the records of more than one message at a time."""
        verdicts, kinds = [ACCEPTED] * len(batch), list[list[str]]()

        def counted() -> Iterator[Sequence[Record]]:
            for records in self._groups(batch, verdicts):
                kinds.append([record.kind for record in records])
                yield records

        groups, first = counted(), list[Sequence[Record]]()
        for group in groups:
            first.append(group)
            if group:
                break
        else:
            return verdicts  # nothing to store, so no transaction that could fail
        results = vault.put_groups(chain(first, groups))
        for number, (result, told) in enumerate(zip(results, kinds, strict=True)):
            if isinstance(result, InvalidRecord):
                verdicts[number] = verdict_of(result)
            else:
                self._count(result, told)
        return verdicts

    def _groups(self, batch: Sequence[Delivery], verdicts: list[Verdict]) -> Iterator[Sequence[Record]]:
        """Yield the records of each message, none of one that is refused, whose verdict is changed."""
        for number, delivery in enumerate(batch):
            try:
                records = self._read(delivery.message)
            except (InputError, ModelError) as error:
                records, verdicts[number] = (), verdict_of(error)
            yield records

    def _keep(self, records: list[Record]) -> None:
        """Store records as they are."""
        self._put(records)

    def _read(self, message: bytes) -> Sequence[Record]:
        if self._adapter is None:
            return list(read(message, context=self._context, registry=self._registry))
        if self._reader is None:
            self._reader = message_reader(self._adapter, context=self._context, registry=self._registry)
        return self._reader(message)

    def _put(self, records: Sequence[Record]) -> None:
        if not records:
            return
        done = self._vault.put(records)
        self._count(done, [record.kind for record in records])

    def _count(self, done: PutResult, kinds: list[str]) -> None:
        counts = self.counts
        counts["stored"] += done.stored
        counts["replaced"] += done.replaced
        counts["unchanged"] += done.unchanged
        counts["records"] += len(kinds)
        counts["issues"] += kinds.count("issue")
        counts["residue"] += kinds.count("residue")
