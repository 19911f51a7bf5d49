"""Inputs of other fields, made here, that no medical device adapter may claim."""

from __future__ import annotations

import gzip
import io
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from random import Random

__all__ = ["foreign_inputs"]

_TEXTS: dict[str, bytes] = {
    "plain.txt": b"The quick brown fox jumps over the lazy dog.\nAnd again.\n" * 9,
    "notes.md": b"# Notes\n\n- one\n- two\n\n```python\nprint('x')\n```\n",
    "table.csv": b"name,colour,weight\napple,red,150\nplum,blue,40\n" * 5,
    "semicolons.csv": b"a;b;c\r\n1,5;2,5;3,5\r\n" * 5,
    "tabs.tsv": b"gene\tstart\tend\nBRCA1\t100\t200\n" * 5,
    "data.json": b'{"type":"FeatureCollection","features":[{"id":1,"geometry":null}]}\n',
    "list.json": b"[1, 2, 3, null, true, 1e5]\n",
    "lines.ndjson": b'{"level":"info","msg":"started"}\n{"level":"warn","msg":"slow"}\n' * 4,
    "page.html": b"<!DOCTYPE html><html><head><title>x</title></head><body><p>hello</p></body></html>",
    "picture.svg": b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"><rect width="1"/></svg>',
    "feed.xml": b'<?xml version="1.0" encoding="UTF-8"?>\n<rss version="2.0"><channel><title>t</title></channel></rss>',
    "settings.ini": b"[section]\nkey = value\n",
    "settings.yaml": b"---\nkey: value\nlist:\n  - 1\n",
    "settings.toml": b'[tool]\nname = "x"\n',
    "script.py": b"#!/usr/bin/env python3\nimport sys\nprint(sys.argv)\n",
    "script.sh": b"#!/bin/sh\nset -e\necho hi\n",
    "mail.eml": b"From: a@example.org\r\nTo: b@example.org\r\nSubject: x\r\nMIME-Version: 1.0\r\n\r\nhello\r\n",
    "request.http": b"POST /x HTTP/1.1\r\nHost: example.org\r\nContent-Length: 3\r\n\r\nabc",
    "access.log": b'127.0.0.1 - - [24/Nov/2026:10:58:00 +0000] "GET / HTTP/1.1" 200 12\n' * 4,
    "calendar.ics": b"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nBEGIN:VEVENT\r\nUID:1\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n",
    "card.vcf": b"BEGIN:VCARD\r\nVERSION:3.0\r\nFN:Example\r\nEND:VCARD\r\n",
    "variants.vcf": b"##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n1\t100\t.\tA\tC\t.\t.\t.\n",
    "reads.sam": b"@HD\tVN:1.6\tSO:coordinate\n@SQ\tSN:chr1\tLN:45\nr1\t0\tchr1\t7\t30\t8M\t*\t0\t0\tTTAGATAA\t*\n",
    "sequence.fa": b">chr1\nACGTACGTACGT\n",
    "pipes.txt": b"one|two|three|four\nfive|six|seven|eight\n" * 4,
    "edifact.edi": b"UNA:+.? 'UNB+UNOC:3+SENDER+RECEIVER+261124:1058+1'UNH+1+ORDERS:D:96A:UN'UNT+2+1'UNZ+1+1'",
    "x12.edi": b"ISA*00*          *00*          *ZZ*A              *ZZ*B              *261124*1058*^*00501*1*0*P*:~",
    "gps.nmea": b"$GPGGA,105800,4807.038,N,01131.000,E,1,08,0.9,545.4,M,46.9,M,,*47\r\n" * 3,
    "utf16.txt": "\ufeffhello world\n".encode("utf-16-le") * 4,
    "zeros.bin": bytes(512),
    "ones.bin": b"\xff" * 512,
    "one.bin": b"\x00",
    "counting.bin": bytes(range(256)) * 4,
}


def foreign_inputs() -> Iterator[tuple[str, bytes]]:
    """Yield name and bytes of inputs of other fields: text, markup, archives, pictures, sound, programs, noise."""
    yield from _TEXTS.items()
    yield "picture.png", _png()
    yield "picture.gif", b"GIF89a\x01\x00\x01\x00\x80\x00\x00\xff\xff\xff\x00\x00\x00!\xf9\x04\x01\x00\x00\x00\x00,"
    yield (
        "picture.jpg",
        b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00\xff\xdb\x00C\x00" + bytes(64),
    )
    yield (
        "picture.bmp",
        b"BM" + struct.pack("<IHHIIiiHHIIiiII", 58, 0, 0, 54, 40, 1, 1, 1, 24, 0, 4, 0, 0, 0, 0) + bytes(4),
    )
    yield (
        "sound.wav",
        b"RIFF"
        + struct.pack("<I4s4sIHHIIHH4sI", 44, b"WAVE", b"fmt ", 16, 1, 1, 8000, 8000, 1, 8, b"data", 8)
        + bytes(8),
    )
    yield "paper.pdf", b"%PDF-1.7\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"
    yield (
        "program.elf",
        b"\x7fELF\x02\x01\x01" + bytes(9) + struct.pack("<HHIQQQIHHHHHH", 2, 62, 1, 0, 0, 0, 0, 64, 56, 0, 64, 0, 0),
    )
    yield "program.exe", b"MZ\x90\x00\x03\x00\x00\x00" + bytes(52) + b"\x40\x00\x00\x00PE\x00\x00"
    yield "store.sqlite", b"SQLite format 3\x00" + bytes(84)
    yield "packed.gz", gzip.compress(_TEXTS["plain.txt"], mtime=0)
    yield "packed.zip", _zip()
    yield "packed.tar", _tar()
    yield "packed.zlib", zlib.compress(_TEXTS["plain.txt"])
    yield "certificate.pem", b"-----BEGIN CERTIFICATE-----\nMIIBszCCAVmgAwIBAgIUX\n-----END CERTIFICATE-----\n"
    random = Random("foreign")  # noqa: S311 - noise that is the same in every run
    for number in range(32):
        yield f"noise{number}.bin", random.randbytes(random.randrange(1, 600))


def _png() -> bytes:
    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0\0")) + chunk(b"IEND", b"")


def _zip() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(zipfile.ZipInfo("plain.txt"), _TEXTS["plain.txt"])
    return out.getvalue()


def _tar() -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("empty.txt"))
    return out.getvalue()
