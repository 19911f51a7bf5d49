"""The only place with sockets: HL7 v2 messages over MLLP and TLS."""

from __future__ import annotations

from .delivery import ACCEPTED, Compose, Delivery, Limits, Verdict, verdict_of
from .exchange import Backoff, Reply
from .mllp_client import BlockingMllpClient, MllpClient
from .mllp_server import MllpServer
from .sink import Takes, VaultSink
from .spool import Drain, Spool
from .tls import client_context, server_context

__all__ = [
    "ACCEPTED",
    "Backoff",
    "BlockingMllpClient",
    "Compose",
    "Delivery",
    "Drain",
    "Limits",
    "MllpClient",
    "MllpServer",
    "Reply",
    "Spool",
    "Takes",
    "VaultSink",
    "Verdict",
    "client_context",
    "server_context",
    "verdict_of",
]
