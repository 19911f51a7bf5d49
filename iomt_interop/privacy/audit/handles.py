"""Handles of subjects for the trail: the same for the same person, and of nobody without the key.

A record's id is a digest of identifiers and could be guessed; a keyed digest of it cannot. Who has the key can tell
whether an event is about a person whose id is known, and cannot go from an event to a person.
"""

from __future__ import annotations

from ...crypto import SecretKey

__all__ = ["SubjectHandles"]


class SubjectHandles:
    """Makes handles; callable, as the guard takes it.

    Parameters
    ----------
    key : SecretKey
        Best derived from the key that signs the trail
        (:meth:`SigningKey.derive <iomt_interop.crypto.signing.SigningKey.derive>`), so that both are in one place.
    """

    LABEL = b"audit subject handle"
    """What to derive the key under."""

    def __init__(self, key: SecretKey) -> None:
        self._key = key

    def __repr__(self) -> str:
        return "SubjectHandles()"

    def __call__(self, subject: str) -> str:
        """Return the handle of a subject's id: 32 hexadecimal digits."""
        return self._key.mac(b"subject\0" + subject.encode("utf-8", "surrogatepass"))[:16].hex()
