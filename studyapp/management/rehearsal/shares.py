"""Reading the shares to plant: `classifier=share`, one a line or divided by commas."""

from __future__ import annotations

from collections.abc import Mapping

from studyapp.services.refusals import Refused


def read_shares(text: str, *, source: str = "") -> Mapping[str, float]:
    """The shares by classifier; empty lines and what follows `#` are left out. Raises Refused."""
    shares: dict[str, float] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        for entry in line.partition("#")[0].split(","):
            if not entry.strip():
                continue
            where = f"{source}, line {number}" if source else "planted acceptance"
            name, equals, share = (part.strip() for part in entry.partition("="))
            try:
                value = float(share)
            except ValueError:
                value = -1.0
            if not equals or not name or not 0.0 <= value <= 1.0:
                raise Refused(f"{where}: {entry.strip()!r}; write classifier=share, with a share from 0 to 1")
            if name in shares:
                raise Refused(f"{where}: {name} has two shares; keep one")
            shares[name] = value
    return shares
