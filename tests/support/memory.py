"""Identifiers of invented persons, and a search for them in whatever octets: in every encoding that could hide them."""

from __future__ import annotations

import base64
import random
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

__all__ = ["Scanner", "corpus_message", "identifiers", "memory_of"]

MARK = "QZX"
"""What every identifier begins with, so that a search for a few octets finds the places to look at."""
_LENGTH = 11
_LETTERS = "BCDFGHJKLMNPQRSTVWXZ"


def identifiers(count: int, seed: int = 7) -> list[tuple[str, str, str]]:
    """Return numbers, family names and given names of persons that there are not."""
    draw = random.Random(seed)

    def one(alphabet: str) -> str:
        return MARK + "".join(draw.choice(alphabet) for _ in range(_LENGTH - len(MARK)))

    return [(one("0123456789"), one(_LETTERS), one(_LETTERS)) for _ in range(count)]


def corpus_message(number: int, person: tuple[str, str, str]) -> bytes:
    """Return an HL7 v2 message about a person."""
    record, family, given = person
    return (
        f"MSH|^~\\&|MON|WARD|||20261124105803+0100||ORU^R01^ORU_R01|C{number}|P|2.6\r"
        f"PID|1||{record}^^^WARD^MR||{family}^{given}||19500101|F\r"
        "PV1|1|I|ICU^4^2\r"
        "OBR|1|||44616-1^Pulse oximetry^LN|||20261124105803+0100\r"
        f"OBX|1|NM|150456^MDC_PULS_OXIM_SAT_O2^MDC||9{number % 10}|262688^MDC_DIM_PERCENT^MDC|||||F\r"
    ).encode()


def memory_of(pid: int) -> Iterator[bytes]:
    """Yield what a process can read of its own memory."""
    with Path(f"/proc/{pid}/maps").open() as maps, Path(f"/proc/{pid}/mem").open("rb") as memory:
        for line in maps:
            span, rights, *_ = line.split()
            if "r" not in rights or line.rstrip().endswith(("[vvar]", "[vsyscall]", "[vvar_vclock]")):
                continue
            start, end = (int(text, 16) for text in span.split("-"))
            memory.seek(start)
            try:
                yield memory.read(end - start)
            except (OSError, ValueError):
                continue


def _forms(text: str) -> Iterator[tuple[str, bytes, int]]:
    """Yield encoding, octets, and how many of them the mark alone decides."""
    for case in {text.upper(), text.lower(), text.title()}:
        raw = case.encode()
        yield "utf-8", raw, len(MARK)
        yield "utf-16-le", case.encode("utf-16-le"), 2 * len(MARK)
        yield "utf-16-be", case.encode("utf-16-be"), 2 * len(MARK)
        yield "hex", raw.hex().encode(), 2 * len(MARK)
        yield "hex", raw.hex().upper().encode(), 2 * len(MARK)
        for shift in range(3):
            whole = base64.b64encode(bytes(shift) + raw)
            begin = (0, 2, 3)[shift]
            yield "base64", whole[begin : 8 * (shift + len(raw)) // 6], 8 * (shift + len(MARK)) // 6 - begin


class Scanner:
    """Looks for the identifiers of persons.

    Parameters
    ----------
    texts : iterable of str
        The identifiers.
    """

    def __init__(self, texts: Iterable[str]) -> None:
        self._known: dict[bytes, tuple[str, str]] = {}
        self._marks: dict[bytes, set[int]] = {}
        for text in texts:
            for encoding, octets, decided in _forms(text):
                self._known[octets] = (encoding, text)
                self._marks.setdefault(octets[:decided], set()).add(len(octets))

    def scan(self, data: bytes) -> Counter[tuple[str, str]]:
        """Return how often each identifier stands in the data, by encoding and identifier."""
        found: Counter[tuple[str, str]] = Counter()
        for mark, sizes in self._marks.items():
            at = data.find(mark)
            while at >= 0:
                for size in sizes:
                    known = self._known.get(data[at : at + size])
                    if known is not None:
                        found[known] += 1
                at = data.find(mark, at + 1)
        return found
