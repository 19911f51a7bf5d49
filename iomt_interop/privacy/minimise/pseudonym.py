"""Pseudonyms: stable under one recipient's key, and without a relation between recipients."""

from __future__ import annotations

from typing import Final

from ...crypto import SecretKey

__all__ = ["Pseudonyms"]

_DAY: Final = 86_400 * 10**9
_CACHE: Final = 1 << 16


class Pseudonyms:
    """Names and date shifts under the key of one recipient.

    Parameters
    ----------
    key : SecretKey, optional
        The project's secret, from which each recipient's key comes. Without one a fresh key is made and forgotten
        afterwards, so that nobody can repeat the names: what HIPAA asks of a code that must not be derived from the
        person (45 CFR 164.514(c)).
    recipient : str
        Whom the data are for. Two recipients with the same records cannot tell that they are of the same people.
    longest_shift : int
        Dates are shifted by 1 to this many days, back or forth.
    """

    def __init__(self, key: SecretKey | None = None, *, recipient: str = "", longest_shift: int = 365) -> None:
        secret = SecretKey.generate() if key is None else key
        own = secret.derive(b"pseudonym\0" + recipient.encode("utf-8", "surrogatepass"))
        self._names, self._shifts = own.derive(b"names"), own.derive(b"dates")
        self._longest = longest_shift
        self._known: dict[str, str] = {}

    def __repr__(self) -> str:
        return "Pseudonyms()"

    def id(self, value: str) -> str:
        """Return the 32 hexadecimal digits that stand for a record's id."""
        found = self._known.get(value)
        if found is None:
            found = self._names.mac(b"id\0" + value.encode("utf-8", "surrogatepass"))[:16].hex()
            if len(self._known) >= _CACHE:
                self._known.clear()
            self._known[value] = found
        return found

    def shift_ns(self, subject: str) -> int:
        """Return by how many nanoseconds all times of a subject are shifted: whole days, never none."""
        number = int.from_bytes(self._shifts.mac(b"shift\0" + subject.encode("utf-8", "surrogatepass"))[:16], "big")
        days = number % (2 * self._longest) - self._longest
        return (days if days < 0 else days + 1) * _DAY
