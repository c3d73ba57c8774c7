"""What a rehearsal found, as one frozen value that prints itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was checked: whether it holds, and what was seen."""

    claim: str
    holds: bool
    seen: str


@dataclass(frozen=True, slots=True)
class Recovered:
    """One number of the results beside what was planted; all are fractions of 1.

    `standard`: the number before people were asked, where there is one. `planted`: by the drawn truth alone.
    `expected`: with people who err at the stated rate. `estimate` and `interval`: what the table says.
    `slack`: half a step of the table, because an expectation lies between the steps.
    """

    quantity: str
    standard: float | None
    planted: float
    expected: float
    estimate: float
    interval: tuple[float, float]
    slack: float

    @property
    def holds(self) -> bool:
        """Whether the expectation lies in the table's interval."""
        return self.interval[0] - self.slack <= self.expected <= self.interval[1] + self.slack

    def __str__(self) -> str:
        low, high = self.interval
        standard = "" if self.standard is None else f"standard {self.standard:.2%}, "
        return (
            f"{self.quantity}: {standard}planted {self.planted:.2%}, expected "
            f"{self.expected:.2%}; table {self.estimate:.2%} [{low:.2%}, {high:.2%}]"
        )


@dataclass(frozen=True, slots=True)
class RehearsalReport:
    """A rehearsal: what was done, what was checked, and what the results recovered."""

    study: str
    protocol_sha256: str
    server: str
    error_rate: float
    participants: int
    answers: int
    answers_in_study: int
    seconds: float
    endings: Mapping[str, int]
    habits: Mapping[str, int]
    findings: tuple[Finding, ...]
    recovered: tuple[Recovered, ...]

    @property
    def passed(self) -> bool:
        """Whether every check holds."""
        return all(finding.holds for finding in self.findings)

    @property
    def answers_per_second(self) -> float:
        """Answers that the server took, per second of the whole run."""
        return self.answers / self.seconds if self.seconds > 0 else 0.0

    def __str__(self) -> str:
        lines = [
            f"Rehearsal of {self.study}: {'passed' if self.passed else 'FAILED'}",
            f"  {self.participants} simulated participants, erring at {self.error_rate:.1%}, gave "
            f"{self.answers} answers in {self.seconds:.1f} s ({self.answers_per_second:.0f} answers/s); "
            f"{self.answers_in_study} count",
            *(f"  {count} x {what}" for what, count in {**self.endings, **self.habits}.items()),
            *(f"  [{'ok' if f.holds else 'FAILED'}] {f.claim}: {f.seen}" for f in self.findings),
            *(f"  {row}" for row in self.recovered),
        ]
        return "\n".join(lines)

    def as_json(self) -> dict[str, object]:
        """The report as plain values for `--json`."""
        return {
            "study": self.study,
            "protocol_sha256": self.protocol_sha256,
            "passed": self.passed,
            "server": self.server,
            "error_rate": self.error_rate,
            "participants": self.participants,
            "answers": self.answers,
            "answers_in_study": self.answers_in_study,
            "seconds": round(self.seconds, 3),
            "answers_per_second": round(self.answers_per_second, 1),
            "endings": dict(self.endings),
            "habits": dict(self.habits),
            "findings": [{"claim": f.claim, "holds": f.holds, "seen": f.seen} for f in self.findings],
            "recovered": [
                {
                    "quantity": row.quantity,
                    "standard": row.standard,
                    "planted": row.planted,
                    "expected": row.expected,
                    "estimate": row.estimate,
                    "interval": list(row.interval),
                    "holds": row.holds,
                }
                for row in self.recovered
            ],
        }
