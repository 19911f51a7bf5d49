"""HL7 FHIR R4 JSON: resources, Bundles and NDJSON, read and written.

Parsing and emission are the project's own, because the written form of a decimal (``72.50``) and of a time
must survive; fhir.resources serves at the edge only (:func:`.resources.to_fhir_resources`).
"""
