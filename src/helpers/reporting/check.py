"""One rule of the integrity gate: what it claims, what was seen, and what follows where it does not hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

State = Literal["passed", "failed", "caution", "not applicable"]
Consequence = Literal["withhold", "caution"]
GATE = "sec-integrity"


@dataclass(frozen=True)
class Check:
    """One claim about the run, whether it held, what was seen, the section that shows it, and the limit it was held to.

    A violated rule `failed` where its consequence is to withhold the headline, and is a `caution` where it is to say so.
    """

    claim: str
    state: State
    seen: str
    section: str
    limit: str = ""
    consequence: Consequence = "withhold"


def verdict(good: bool, consequence: Consequence = "withhold") -> State:
    """What a rule came to."""
    if good:
        return "passed"
    return "failed" if consequence == "withhold" else "caution"


def withheld(checks: Sequence[Check]) -> list[Check]:
    """The rules for which the headline is withheld."""
    return [check for check in checks if check.state == "failed"]


def anchor(check: Check, sections: Sequence[str]) -> str:
    """The section that shows the evidence; empty where the report has none, or there is nothing to show."""
    if check.state == "not applicable":
        return ""
    name = "integrity" if check.section.startswith(GATE) else check.section.removeprefix("sec-")
    return check.section if name in sections else ""
