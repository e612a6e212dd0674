"""Requests made from the OpenAPI document, as many for each operation as asked for."""

import schemathesis
from schemathesis.config import SchemathesisConfig

from server.app import create_app
from tests.services.in_process import settings

__all__ = ["generated_requests"]

WELL_FORMED_MAY_GET = ["2xx", "3xx", "401", "403", "404", "409", "410", "412", "413", "422"]
"""Of the right form and still refused: two equal items, a domain too large, another collection's digest, an ETag that was never given."""


def generated_requests(examples: int) -> schemathesis.BaseSchema:
    """The document as a source of requests: whatever lies at the borders of its schemas, and `examples` drawn ones."""
    document = create_app(settings("sqlite:///never-opened.sqlite3")).openapi()
    uploads = document["paths"]["/v1/collections/{collection_id}/reports"]["post"]["requestBody"]["content"]
    uploads.pop("application/vnd.fanoplane.reports", None)  # packed bodies are fuzzed by tests of their own
    config = {
        "seed": 20_261_124,
        # tokens are given to each request below; that they are asked for is probed apart, by `ignored_auth`
        "generation": {"max-examples": examples, "deterministic": True, "with-security-parameters": False},
        "checks": {"positive_data_acceptance": {"expected-statuses": WELL_FORMED_MAY_GET}},
    }
    return schemathesis.openapi.from_dict(document, config=SchemathesisConfig.from_dict(config))
