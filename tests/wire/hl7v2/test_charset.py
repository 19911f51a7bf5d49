"""MSH-18: table 0211 and the aliases of the field; sets whose characters look like delimiters."""

from __future__ import annotations

import subprocess
from shutil import which

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iomt_interop.wire import hl7v2

TABLE_0211 = [
    "8859/1", "8859/2", "8859/3", "8859/4", "8859/5", "8859/6", "8859/7", "8859/8", "8859/9", "8859/15", "ASCII",
    "BIG-5", "CNS 11643-1992", "GB 18030-2000", "ISO IR14", "ISO IR159", "ISO IR6", "ISO IR87", "KS X 1001", "UNICODE",
    "UNICODE UTF-16", "UNICODE UTF-32", "UNICODE UTF-8",
]  # fmt: skip


@pytest.mark.parametrize("declared", TABLE_0211)
def test_every_set_of_table_0211_has_a_codec(declared: str) -> None:
    name = hl7v2.codec_name(declared)
    assert name is not None
    assert b"Az09".decode(name) == "Az09" if not name.startswith(("utf-16", "utf-32")) else True


@pytest.mark.parametrize(
    ("alias", "codec"),
    [
        *(("utf-8", "utf-8"), ("UTF8", "utf-8"), ("unicode utf-8", "utf-8"), ("8859/1", "iso8859-1")),
        *(("ISO8859-1", "iso8859-1"), ("ISO_8859-15", "iso8859-15"), ("ISO IR 100", "iso8859-1")),
        *(("ISO-IR-87", "iso2022_jp"), ("GB18030", "gb18030"), ("GBK", "gb18030"), ("KSX1001", "euc_kr")),
        *(("BIG5", "cp950"), ("windows-1252", "cp1252"), ("wrong", None), ("8859/12", None), ("8859/77", None)),
    ],
)  # fmt: skip
def test_aliases(alias: str, codec: str | None) -> None:
    assert hl7v2.codec_name(alias) == codec


@pytest.mark.parametrize(
    ("declared", "codec", "name"),
    [
        ("BIG-5", "big5", "許功蓋^育"),  # their last octets are those of a backslash and of |
        ("GB 18030-2000", "gb18030", "丂^乗"),
        ("ISO IR14", "shift_jis", "表ソ予^申能"),
        ("KS X 1001", "euc_kr", "김^철수"),
        ("8859/5", "iso8859-5", "Иванов^Пётр"),
    ],
)
def test_characters_that_look_like_delimiters(declared: str, codec: str, name: str) -> None:
    raw = b"^".join(part.encode(codec) for part in name.split("^"))
    data = b"MSH|^~\\&||||||||||||||||" + declared.encode() + b"\rPID|||||" + raw + b"|x\rOBX|1|ST|||" + raw + b"\r"
    message = hl7v2.parse(data)
    assert [message["PID-5.1"], message["PID-5.2"], message["PID-6"]] == [*name.split("^"), "x"]
    assert message["OBX-5.2"] == name.split("^")[1]
    assert (bytes(message), message.diagnostics) == (data, ())
    edited = hl7v2.edit(message, "PID-5.2", name.split("^", maxsplit=1)[0])
    assert edited["PID-5.2"] == name.split("^", maxsplit=1)[0]
    assert edited["OBX-5.1"] == message["OBX-5.1"]


HAN = st.text(st.characters(min_codepoint=0x4E00, max_codepoint=0x9FA5), min_size=1, max_size=6)


@given(HAN, HAN)
def test_any_character_of_gb_18030_is_one(family: str, given_name: str) -> None:
    raw = family.encode("gb18030") + b"^" + given_name.encode("gb18030")
    message = hl7v2.parse(b"MSH|^~\\&||||||||||||||||GB 18030-2000\rPID|||||" + raw + b"|x\r")
    assert (message["PID-5.1"], message["PID-5.2"], message["PID-6"]) == (family, given_name, "x")


def test_cns_11643_as_euc_tw_writes_it() -> None:
    """Witness: Unicode's Big5 and CNS sources give 中 plane 1 row 36 cell 4 (A4A4 in Big5)."""
    name = hl7v2.codec_name("CNS 11643-1992")
    assert name is not None
    assert b"\xc4\xe3".decode(name) == "中"
    assert "中文ABC".encode(name).decode(name) == "中文ABC"
    with pytest.raises(UnicodeDecodeError):
        b"\xa1".decode(name)
    with pytest.raises(UnicodeEncodeError):
        "ü".encode(name)
    assert b"a\xa1".decode(name, "replace") == "a\ufffd"
    message = hl7v2.parse(b"MSH|^~\\&||||||||||||||||CNS 11643-1992\rPID|||||\xc4\xe3^\x8e\xa2\xa1\xa1|x\r")
    assert (message["PID-5.1"], message["PID-5.2"], message.diagnostics) == ("中", "乂", ())


@pytest.mark.skipif(which("iconv") is None, reason="no iconv to compare with")
def test_cns_11643_is_that_of_iconv() -> None:
    name = hl7v2.codec_name("CNS 11643-1992")
    assert name is not None
    raw = b"".join(bytes((0xC4, cell)) for cell in range(0xA1, 0xFF)) + b"\x8e\xa2\xa1\xa1\x8e\xa3\xa1\xa1"
    done = subprocess.run(["iconv", "-f", "EUC-TW", "-t", "UTF-8"], input=raw, capture_output=True, check=False)
    if done.returncode:
        pytest.skip("this iconv has no EUC-TW")
    assert raw.decode(name) == done.stdout.decode()


@pytest.mark.parametrize(
    ("declared", "raw", "text", "codes"),
    [
        (b"GB 18030-2000", "Zoë".encode(), None, None),  # valid in both: the declared set is believed
        (b"UNICODE UTF-8", b"\x93quoted\x94", "“quoted”", ["HL7-110"]),
        (b"ASCII", b"\x81", "\x81", ["HL7-110"]),
        (b"UNICODE UTF-16", "Zoë".encode(), "Zoë", ["HL7-110"]),
        (b"KS X 1001", b"\xff\xfe", "ÿþ", ["HL7-110"]),
    ],
)
def test_the_fallback_chain(declared: bytes, raw: bytes, text: str | None, codes: list[str] | None) -> None:
    message = hl7v2.parse(b"MSH|^~\\&||||||||||||||||" + declared + b"\rPID|||||" + raw + b"\r")
    if text is None:
        assert message["PID-5"] == raw.decode("gb18030")
    else:
        assert message["PID-5"] == text
        assert [d.code for d in message.diagnostics] == codes


@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
@pytest.mark.parametrize("bom", [True, False])
def test_wide_encodings_with_and_without_a_mark(codec: str, bom: bool) -> None:
    body = "MSH|^~\\&||||||||||||||||UNICODE UTF-" + codec[4:6] + "\rPID|||||Zoë^心\r"
    data = ("\ufeff" + body if bom else body).encode(codec)
    message = hl7v2.parse(data)
    assert (message["PID-5.1"], message["PID-5.2"], bytes(message)) == ("Zoë", "心", data)
    assert [d.code for d in message.diagnostics] == (["HL7-102"] if bom else [])
    edited = hl7v2.edit(message, "PID-5.1", "Ann")
    assert bytes(edited) == data.replace("Zoë".encode(codec), "Ann".encode(codec))
