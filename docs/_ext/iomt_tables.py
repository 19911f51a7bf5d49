"""What the pages say in tables and no source can be asked for: the laws with their tests, the variables."""

from __future__ import annotations

__all__ = ["LAWS", "VARIABLES"]

LAWS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    (
        "Nothing is lost in silence",
        "Every input element ends in a record, in a record's extensions, or in residue; every writer lists what its "
        "format could not say.",
        ("tests/adapters/*/test_nothing_lost.py", "tests/adapters/ieee11073_phd/test_stream.py",
         "tests/adapters/fhir_r4/test_*.py"),
    ),
    (
        "Exact",
        "Numbers keep their written precision, times their precision and offset, waveforms their raw samples and an "
        "exact scale; units convert by rational factors.",
        ("tests/model/test_number.py", "tests/model/test_time.py", "tests/terminology/test_ucum.py",
         "tests/terminology/test_units.py", "tests/wire/mder/test_*.py", "tests/adapters/*/test_clock.py",
         "tests/adapters/*/test_observations.py"),
    ),
    (
        "Sans-I/O and chunk-invariant",
        "A reader gives the same records however the bytes are cut; the floors below it open nothing.",
        ("tests/adapters/*/test_reader.py", "tests/adapters/*/test_stream.py", "tests/wire/hl7v2/test_split.py",
         "tests/wire/phd/test_phd.py"),
    ),
    (
        "Total",
        "Any bytes give records or an :exc:`~iomt_interop.errors.InputError` within limits of time and memory.",
        ("tests/wire/hl7v2/test_*.py", "tests/wire/phd/test_*.py", "tests/adapters/*/test_reader.py",
         "tests/adapters/*/test_stream.py"),
    ),
    (
        "No patient data outside records",
        "No exception, warning, log line, ``repr`` or temporary file holds a value of the input.",
        ("tests/model/test_record.py", "tests/test_errors.py", "tests/plugins/test_registry.py",
         "tests/adapters/*/test_reader.py", "tests/adapters/*/test_stream.py", "tests/cli/test_*.py",
         "tests/corpus/test_end_to_end.py"),
    ),
    (
        "Encrypted at rest, fail closed",
        "The plaintext of a record never touches a disk through the vault; without a key there is no data.",
        ("tests/vault/test_*.py", "tests/crypto/test_*.py", "tests/guarded/test_*.py", "tests/cli/test_guarded.py"),
    ),
    (
        "Compiled equals pure",
        "A kernel and its twin give the same values, the same exceptions and the same spans.",
        ("tests/accel/test_*.py",),
    ),
    (
        "Independent witnesses",
        "Results are checked against something this project did not write: another parser, a schema, a published "
        "example.",
        ("tests/corpus/test_*.py",),
    ),
    (
        "A claim is a test result",
        "What a page says of a format comes from a manifest and is called a claim until a report of the conformance "
        "kit proves it.",
        ("tests/kit/test_*.py", "tests/docs/test_docs.py"),
    ),
)  # fmt: skip
"""Title, text, and the tests that hold the law."""

VARIABLES: tuple[tuple[str, str, str], ...] = (
    (
        "IOMT_INTEROP_ACCEL",
        "``auto``, ``pure``, ``compiled``",
        "Which kernels serve at run time: compiled ones where they were built, the pure twins, or compiled ones and "
        "an error where one is missing.",
    ),
    (
        "IOMT_INTEROP_BUILD",
        "``auto``, ``pure``, ``require``",
        "Whether an installation compiles the kernels: where a compiler works, never, or always and fail otherwise.",
    ),
    (
        "IOMT_INTEROP_ALLOW",
        "file",
        "The allow-list of adapters (:doc:`/guides/allow-list`); without it every installed adapter may be loaded.",
    ),
    (
        "IOMT_PASSPHRASE",
        "text",
        "The passphrase of a vault, for commands without ``--key-file`` and ``--key-provider``.",
    ),
    ("IOMT_NEW_PASSPHRASE", "text", "The passphrase that ``iomt vault rotate`` puts in the place of the present key."),
    (
        "IOMT_KEY",
        "base64 of 32 octets",
        "The key of a vault, for :class:`~iomt_interop.vault.EnvironmentKey` (another name can be given there).",
    ),
    ("IOMT_POLICY", "files, joined as in ``PATH``", "The policy files of a guarded vault, as ``--policy``."),
    ("IOMT_AUDIT", "file", "The audit log, as ``--audit``."),
    ("IOMT_AUDIT_KEY", "file", "The key that signs the audit log, as ``--audit-key``."),
    ("IOMT_AS", "user/role", "Who asks, as ``--as``."),
    ("IOMT_PURPOSE", "code", "The purpose of use, as ``--purpose``."),
    ("IOMT_TOKEN", "text", "An access token that says who asks, in the place of ``--token FILE``."),
    (
        "IOMT_DEBUG",
        "``1``",
        "Shows the traceback of a defect of the library. It may hold patient data: only for data you invented.",
    ),
    (
        "IOMT_CONFORMANCE",
        "folder",
        "Where the documentation finds reports of the conformance kit; ``docs/conformance`` by default.",
    ),
    (
        "IOMT_TEST_PROFILE",
        "``dev``, ``ci``, ``twins``",
        "How many generated examples the tests try: 100, 120 or 40; ``ci`` where ``CI`` is set.",
    ),
    (
        "IOMT_SCAFFOLD_MATRIX",
        "``full``",
        "Lets the tests install a scaffold of every medium and framing, and not one of each.",
    ),
    (
        "IOMT_FAULTS",
        "file",
        "What stands in front of the C library in the processes that the tests of faults start; set by them.",
    ),
    ("IOMT_CORPUS", "folder", "Where the corpus tests find real inputs; they skip, and say so, where there are none."),
    (
        "IOMT_FHIR_ORACLE",
        "folder",
        "Where the tests find an independent FHIR validator; they skip, and say so, where there is none.",
    ),
)
"""Name, values and meaning of every environment variable of the library, its build and its tests."""
