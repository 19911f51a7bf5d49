"""A policy provider that asks Cedar; needs the extra ``cedar`` (cedarpy). It can deny and cannot permit."""

from __future__ import annotations

from typing import Any

from ...errors import InvalidRequest
from ..facts import UNKNOWN_LEVEL, Facts
from ..vocabulary import CONFIDENTIALITIES
from .request import Request

__all__ = ["CedarProvider"]


class CedarProvider:
    """Cedar policies over the same facts.

    The principal is ``User::"<actor id>"`` with ``roles``; the action is ``Action::"read"`` and so on; the resource is
    ``Record::"<kind>"``. The context has ``purpose``, ``confidentiality``, ``sensitivities``, ``kind``, ``categories``
    and ``emergency``; no attribute holds a value of a record.

    Parameters
    ----------
    policies : str
        Cedar policies; default deny, forbid wins.

    Raises
    ------
    InvalidRequest
        ``PRV-201`` when they cannot be parsed, ``USE-002`` without cedarpy.
    """

    def __init__(self, policies: str) -> None:
        try:
            import cedarpy  # noqa: PLC0415
        except ImportError:
            raise InvalidRequest("USE-002", hint="install iomt_interop[cedar]") from None
        try:
            cedarpy.policies_to_json_str(policies)
        except Exception:  # noqa: BLE001 - the engine's own text quotes the policies
            raise InvalidRequest("PRV-201", hint="not Cedar") from None
        self._cedar: Any = cedarpy
        self._policies = policies

    def __repr__(self) -> str:
        return "CedarProvider()"

    def permits(self, request: Request, facts: Facts, /) -> bool:
        """Tell whether Cedar allows it; an error of a policy is no permission."""
        labels = facts.labels
        level = CONFIDENTIALITIES[labels.level] if labels.level < UNKNOWN_LEVEL else "?"
        user = {"type": "User", "id": request.actor.id}
        asked = {
            "principal": user,
            "action": {"type": "Action", "id": request.action},
            "resource": {"type": "Record", "id": facts.kind},
            "context": {
                "purpose": request.purpose[1],
                "kind": facts.kind,
                "confidentiality": level,
                "sensitivities": sorted(labels.sensitivities),
                "categories": sorted({code for _, code in facts.categories}),
                "emergency": request.emergency is not None,
            },
        }
        entities = [{"uid": user, "attrs": {"roles": sorted(request.actor.roles)}, "parents": []}]
        result = self._cedar.is_authorized(asked, self._policies, entities)
        return bool(result.allowed) and not result.diagnostics.errors
