"""Who may see what, and what for: roles, labels, token scopes and consent; deny wins, and what is unknown is denied."""

from __future__ import annotations

from ..facts import Facts, Labels, facts_of, labels_of
from .cedar import CedarProvider
from .context import Context, Decision, PolicyProvider
from .guard import Guard, Page, Projection, Session
from .policy import DISCLOSING, AccessPolicy, Action, BreakGlassRule, Role, TokenRule
from .request import Actor, Emergency, Request
from .scopes import Scope, parse_scopes
from .token import ALGORITHMS, Claims, TokenVerifier

__all__ = [
    "ALGORITHMS",
    "DISCLOSING",
    "AccessPolicy",
    "Action",
    "Actor",
    "BreakGlassRule",
    "CedarProvider",
    "Claims",
    "Context",
    "Decision",
    "Emergency",
    "Facts",
    "Guard",
    "Labels",
    "Page",
    "PolicyProvider",
    "Projection",
    "Request",
    "Role",
    "Scope",
    "Session",
    "TokenRule",
    "TokenVerifier",
    "facts_of",
    "labels_of",
    "parse_scopes",
]
