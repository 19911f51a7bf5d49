"""Signed notes and checkpoints, by the examples of the specifications."""

from __future__ import annotations

import base64

import pytest

from iomt_interop.crypto import SecretKey
from iomt_interop.crypto.signing import SigningKey, VerifyKey
from iomt_interop.errors import StoreDamaged
from iomt_interop.privacy.audit.checkpoint import Checkpoint, sign_note, verify_note

# The example of Go's golang.org/x/mod/sumdb/note.
GO_KEY = VerifyKey.parse("PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW")
GO_NOTE = (
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n"
    "\n"
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)
# The example of c2sp.org/tlog-checkpoint; its key is not given.
EXAMPLE = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"


def test_the_note_of_go_is_verified() -> None:
    assert verify_note(GO_NOTE, [GO_KEY]) == GO_NOTE.rpartition("\n\n")[0] + "\n"
    assert verify_note(GO_NOTE.encode(), [GO_KEY]).startswith("If you think")


def test_any_other_note_is_not() -> None:
    with pytest.raises(StoreDamaged):
        verify_note(GO_NOTE, [])
    raw = GO_NOTE.encode()
    for position in range(len(raw)):
        for bit in range(8):
            changed = bytearray(raw)
            changed[position] ^= 1 << bit
            try:
                text = verify_note(bytes(changed), [GO_KEY])
            except StoreDamaged:
                continue
            # Only the unused bits of the last base64 character mean nothing; the text is the signed one.
            assert text == GO_NOTE.rpartition("\n\n")[0] + "\n"


def test_unknown_signatures_are_passed_over_and_false_ones_are_not() -> None:
    one, two = SigningKey.generate("one.example"), SigningKey.generate("two.example")
    note = sign_note("text\n", one)
    both = note + sign_note("text\n", two).rpartition("\n\n")[2]
    assert verify_note(both, [one.verify_key]) == "text\n"
    assert verify_note(both, [two.verify_key]) == "text\n"
    false = note + sign_note("other\n", two).rpartition("\n\n")[2]
    assert verify_note(false, [one.verify_key]) == "text\n"
    with pytest.raises(StoreDamaged):
        verify_note(false, [one.verify_key, two.verify_key])
    renamed = VerifyKey("three.example", one.verify_key.public)
    with pytest.raises(StoreDamaged):
        verify_note(note, [renamed])


def test_checkpoints() -> None:
    found = Checkpoint.parse(EXAMPLE)
    assert (found.origin, found.size) == ("example.com/behind-the-sofa", 20852163)
    assert base64.b64encode(found.root) == b"CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I="
    assert found.text() == EXAMPLE
    assert Checkpoint.parse(EXAMPLE + "extension\n") == found
    key = SigningKey("example.com/behind-the-sofa", SecretKey(bytes(32)))
    assert Checkpoint.open(found.sign(key), [key.verify_key]) == found


@pytest.mark.parametrize(
    "text",
    [
        "a\n1\n",
        "\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n",
        "a\n01\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n",
        "a\n-1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n",
        "a\n٣\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n",
        "a\n9999999999999999999\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n",
        "a\n1\nCsUYapGGPo4=\n",
        "a\n1\n***\n",
        "a\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n",
        "a\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=",
    ],
)
def test_what_is_no_checkpoint_is_refused(text: str) -> None:
    with pytest.raises(StoreDamaged) as caught:
        Checkpoint.parse(text)
    assert caught.value.code == "AUD-003"


@pytest.mark.parametrize("text", ["no end", "tab\there\n", "bell\a\n", "cr\r\n"])
def test_what_cannot_be_signed_is_refused(text: str) -> None:
    with pytest.raises(StoreDamaged):
        sign_note(text, SigningKey.generate("a"))


@pytest.mark.parametrize("note", [b"\xff\n\nx", "text\n", "text\n\n", "text\n\n— a\n", "text\n\nx a AAAA\n"])
def test_what_is_no_note_is_refused(note: str | bytes) -> None:
    with pytest.raises(StoreDamaged):
        verify_note(note, [GO_KEY])
