"""HL7 v2 observation messages to canonical records: ORU^R01 in general, IHE PCD-01 and PCD-04, vendor dialects.

Other message types are read too: their header, patient, visit, orders and observations are mapped, and every
other segment is kept verbatim as :class:`~iomt_interop.model.Residue`.
"""
