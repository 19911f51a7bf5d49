"""Secure channels: what is negotiated and what is refused, seen from plain sockets of the standard library."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from support.certificates import Issuer, Pair

from iomt_interop.errors import InvalidRequest
from iomt_interop.transport import tls


@pytest.fixture(scope="module")
def issuer(tmp_path_factory: pytest.TempPathFactory) -> Issuer:
    return Issuer(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="module")
def server(issuer: Issuer) -> Pair:
    return issuer.issue("server", "127.0.0.1", "ward.example")


@pytest.fixture(scope="module")
def client(issuer: Issuer) -> Pair:
    return issuer.issue("client")


def handshake(served: ssl.SSLContext, asking: ssl.SSLContext, name: str = "ward.example") -> str | Exception:
    """Connect two ends; return the version that they agreed upon, or what the client met."""
    left, right = socket.socketpair()
    left.settimeout(5)
    right.settimeout(5)

    def serve() -> None:
        try:
            with served.wrap_socket(right, server_side=True) as secure:
                secure.sendall(b"x")
                secure.recv(1)
        except OSError:
            right.close()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        with asking.wrap_socket(left, server_hostname=name) as found:
            assert found.recv(1) == b"x"
            assert found.compression() is None
            return found.version() or ""
    except (OSError, AssertionError) as error:
        return error
    finally:
        left.close()
        thread.join()


def limited(ca: Path, version: ssl.TLSVersion, ciphers: str = "ALL:@SECLEVEL=0") -> ssl.SSLContext:
    """Return a client of the standard library that speaks one version."""
    context = ssl.create_default_context(cafile=str(ca))
    context.set_ciphers(ciphers)
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    context.maximum_version = version
    return context


def test_the_latest_version_is_negotiated_and_1_2_is_the_least(issuer: Issuer, server: Pair) -> None:
    served = tls.server_context(server.certificate, server.key)
    assert handshake(served, tls.client_context(ca=issuer.ca)) == "TLSv1.3"
    assert handshake(served, limited(issuer.ca, ssl.TLSVersion.TLSv1_2)) == "TLSv1.2"


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
def test_older_versions_and_ciphers_without_forward_secrecy_are_refused(issuer: Issuer, server: Pair) -> None:
    served = tls.server_context(server.certificate, server.key)
    old = limited(issuer.ca, ssl.TLSVersion.TLSv1_1)
    assert isinstance(handshake(served, old), ssl.SSLError)
    weak = limited(issuer.ca, ssl.TLSVersion.TLSv1_2, "ECDHE-ECDSA-AES128-SHA256:@SECLEVEL=0")
    assert isinstance(handshake(served, weak), ssl.SSLError)
    for context in (served, tls.client_context(ca=issuer.ca)):
        assert all(c["aead"] and c["kea"] in ("kx-ecdhe", "kx-any") for c in context.get_ciphers())


def test_the_name_and_the_issuer_of_a_server_are_checked(issuer: Issuer, server: Pair, tmp_path: Path) -> None:
    served = tls.server_context(server.certificate, server.key)
    ours = tls.client_context(ca=issuer.ca)
    assert isinstance(handshake(served, ours, "other.example"), ssl.SSLCertVerificationError)
    assert handshake(served, ours, "127.0.0.1") == "TLSv1.3"
    stranger = tls.client_context(ca=Issuer(tmp_path, "stranger").ca)
    assert isinstance(handshake(served, stranger), ssl.SSLCertVerificationError)
    assert isinstance(handshake(served, tls.client_context()), ssl.SSLCertVerificationError)


def test_a_client_without_a_certificate_of_the_right_issuer_is_not_let_in(
    issuer: Issuer, server: Pair, client: Pair, tmp_path: Path
) -> None:
    served = tls.server_context(server.certificate, server.key, client_ca=issuer.ca)
    known = tls.client_context(ca=issuer.ca, certificate=client.certificate, key=client.key)
    assert handshake(served, known) == "TLSv1.3"
    assert isinstance(handshake(served, tls.client_context(ca=issuer.ca)), Exception)
    other = Issuer(tmp_path, "other").issue("mallory")
    stranger = tls.client_context(ca=issuer.ca, certificate=other.certificate, key=other.key)
    assert isinstance(handshake(served, stranger), Exception)


def test_files_that_are_not_what_they_should_be_are_refused_by_name(
    issuer: Issuer, server: Pair, client: Pair, tmp_path: Path
) -> None:
    junk = tmp_path / "junk"
    junk.write_text("SECRET")
    locked = issuer.issue("locked", "ward.example", password="open sesame")
    attempts: list[tuple[str, Callable[[], object]]] = [
        ("certificate", lambda: tls.server_context(tmp_path / "none")),
        ("certificate", lambda: tls.server_context(junk)),
        ("certificate", lambda: tls.server_context(server.certificate)),  # no key in it
        ("certificate", lambda: tls.server_context(server.certificate, client.key)),  # another's
        ("certificate", lambda: tls.server_context(locked.certificate, locked.key)),
        ("key", lambda: tls.server_context(server.certificate, tmp_path / "none")),
        ("client_ca", lambda: tls.server_context(server.certificate, server.key, client_ca=junk)),
        ("ca", lambda: tls.client_context(ca=tmp_path / "none")),
        ("key", lambda: tls.client_context(ca=issuer.ca, key=client.key)),
    ]
    for path, attempt in attempts:
        with pytest.raises(InvalidRequest) as caught:
            attempt()
        assert caught.value.path == path
        assert "SECRET" not in str(caught.value)
        assert caught.value.__cause__ is None
        assert caught.value.__context__ is None
    assert tls.server_context(locked.certificate, locked.key, password="open sesame")


@pytest.mark.parametrize(
    ("host", "plain", "allowed"),
    [
        ("127.0.0.1", "no", False),
        ("127.0.0.1", "loopback", True),
        ("::1", "loopback", True),
        ("localhost", "loopback", True),
        ("127.9.9.9", "loopback", True),
        ("0.0.0.0", "loopback", False),
        ("", "loopback", False),
        (None, "loopback", False),
        ("192.0.2.1", "loopback", False),
        ("localhost.example", "loopback", False),
        ("192.0.2.1", "anywhere", True),
        ("127.0.0.1", "yes", False),
    ],
)
def test_a_channel_in_clear_has_to_be_asked_for(host: str | None, plain: tls.Plain, allowed: bool) -> None:
    if allowed:
        tls.check_channel(host, None, plain)
    else:
        with pytest.raises(InvalidRequest):
            tls.check_channel(host, None, plain)
