"""The results as one JSON document, as `results --json` prints it and the page offers it."""

from __future__ import annotations

import json

from studyapp.exports.report import Report
from studyapp.exports.writing import plain_rows


def results_json(report: Report) -> str:
    """Study, mode, protocol digest and every table; errors are fractions of 1."""
    document = {
        "study": report.study,
        "mode": report.mode,
        "protocol_sha256": report.protocol_sha256,
        "tables": {name: plain_rows(table) for name, table in report.tables.items()},
    }
    return json.dumps(document, ensure_ascii=False, indent=1, allow_nan=False) + "\n"
