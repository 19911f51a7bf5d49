"""The policy files of one store, told apart by what stands in them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Self

from .. import _toml as toml
from ..errors import InvalidRequest
from ..privacy.access import AccessPolicy
from ..privacy.agreements import Policy, load_policy
from ..privacy.minimise import MinimisationPolicy, policy_for

__all__ = ["PolicySet"]


@dataclass(frozen=True, slots=True, repr=False)
class PolicySet:
    """Who may do what, who may receive what, and what each purpose needs.

    Attributes
    ----------
    access : AccessPolicy
        Roles and rules.
    agreements : Policy or None
        Recipients, agreements, retention; without it nothing goes to any recipient.
    minimisation : tuple of MinimisationPolicy
        What purposes need, before the policies that come with the library.
    """

    access: AccessPolicy
    agreements: Policy | None = None
    minimisation: tuple[MinimisationPolicy, ...] = ()

    def __repr__(self) -> str:
        return f"PolicySet({len(self.digests)} files)"

    @classmethod
    def of(cls, files: Iterable[bytes]) -> Self:
        """Read policy files (TOML), in any order.

        A file with ``roles`` is an access policy, one with ``controller`` the register of agreements, any other one a
        minimisation policy.

        Raises
        ------
        InvalidRequest
            ``PRV-201``, ``AGR-001`` or ``PRV-301`` when one is not valid; ``USE-001`` when there is not one access
            policy, or more than one register.
        """
        access: list[AccessPolicy] = []
        registers: list[Policy] = []
        minimisation = []
        for data in files:
            text, tree = _read(data)
            if "roles" in tree:
                access.append(AccessPolicy.from_toml(text))
            elif "controller" in tree:
                registers.append(load_policy(data))
            else:
                minimisation.append(MinimisationPolicy.from_toml(text))
        if len(access) != 1 or len(registers) > 1:
            hint = "one access policy, at most one register of agreements, any number of minimisation policies"
            raise InvalidRequest("USE-001", path="policy files", hint=hint)
        return cls(access[0], registers[0] if registers else None, tuple(minimisation))

    @staticmethod
    def has_access(files: Iterable[bytes]) -> bool:
        """Tell whether an access policy is among some files."""
        return any("roles" in _read(data)[1] for data in files)

    @staticmethod
    def digest_of(data: bytes) -> str:
        """Return the digest by which one file is known.

        Raises
        ------
        InvalidRequest
            As :meth:`of` does.
        """
        text, tree = _read(data)
        if "roles" in tree:
            return AccessPolicy.from_toml(text).digest
        return load_policy(data).digest if "controller" in tree else MinimisationPolicy.from_toml(text).digest

    @property
    def digests(self) -> tuple[str, ...]:
        """Digests of all files, in a fixed order."""
        more = () if self.agreements is None else (self.agreements.digest,)
        return (self.access.digest, *more, *sorted(policy.digest for policy in self.minimisation))

    def needs(self, purpose: str) -> MinimisationPolicy:
        """Return what a purpose of use needs.

        Raises
        ------
        InvalidRequest
            ``PRV-302`` when no policy serves it.
        """
        return policy_for(purpose, self.minimisation)

    def day(self, at: int) -> date:
        """Return the day of a moment, in UTC nanoseconds, where the access policy is at home; else in UTC."""
        offset = self.access.zone_offset_minutes
        zone = UTC if offset is None else timezone(timedelta(minutes=offset))
        return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=at // 1000)).astimezone(zone).date()


def _read(data: bytes) -> tuple[str, dict[str, object]]:
    try:
        text = data.decode("utf-8")
        return text, toml.loads(text)
    except ValueError:
        raise InvalidRequest("PRV-201", hint="not TOML") from None
