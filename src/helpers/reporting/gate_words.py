"""The gate in words: a line a rule for the first screen, and the whole table for its page and for the workbook."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import pandas as pd

from helpers import prose
from helpers.reporting.check import Check, anchor, withheld

CONSEQUENCE = {"withhold": "the headline is withheld", "caution": "a caution is given"}
COLUMNS = ("rule", "verdict", "seen", "limit", "if violated")


def line(check: Check, *, evidence: str) -> str:
    """A rule as an item of a list, linked to its evidence."""
    link = f" [Evidence](#{evidence})" if evidence else ""
    name = check.state.replace(" ", "-")
    return f"- [{check.state.capitalize()}]{{.state .{name}}} **{check.claim}.** {sentence(check.seen)}{link}"


def sentence(text: str) -> str:
    """The text as a sentence."""
    return f"{text[0].upper()}{text[1:]}."


def rest(others: Sequence[Check], *, sections: Sequence[str]) -> str:
    """How many rules the first screen does not name came to what."""
    counts = Counter(check.state for check in others)
    told = [f"{counts[state]} {state}" for state in ("passed", "not applicable") if counts[state]]
    if not told or "integrity" not in sections:
        return ""
    return f"Further rules: {prose.listing(told)}; all of them stand on the [page on integrity](#sec-integrity)."


def page(checks: Sequence[Check], *, sections: Sequence[str]) -> str:
    """The gate as it opens its page: the verdict in a sentence, then every rule with its limit and consequence."""
    return f"{answer(checks)}\n\n{items(checks, sections=sections)}\n"


def answer(checks: Sequence[Check]) -> str:
    """What the gate came to."""
    failed, cautions = withheld(checks), [c for c in checks if c.state == "caution"]
    applied = [c for c in checks if c.state != "not applicable"]
    told = f"Of {prose.count(len(checks), 'rule')}, {len(applied)} apply to this run"
    if failed:
        names = prose.listing([f"“{c.claim}”" for c in failed])
        return f"{told}. **The headline is withheld**, as {prose.count(len(failed), 'rule')} failed: {names}."
    passed = "all of them are passed" if not cautions else f"none failed, and {prose.count(len(cautions), 'caution')}"
    return f"{told}; {passed}{' is given' * (len(cautions) == 1)}{' are given' * (len(cautions) > 1)}."


def items(checks: Sequence[Check], *, sections: Sequence[str]) -> str:
    """Every rule as an item: verdict, claim, what was seen, its limit, and what follows where it is violated."""
    lines = []
    for check in checks:
        own = line(check, evidence=anchor(check, sections))
        limit = f" Required: {check.limit}; otherwise {CONSEQUENCE[check.consequence]}." if check.limit else ""
        lines.append(own + limit)
    return "::: {.checks}\n" + "\n".join(lines) + "\n:::"


def table(checks: Sequence[Check]) -> pd.DataFrame:
    """The gate as rows: rule, verdict, what was seen, its limit, what follows where it is violated."""
    rows = [(c.claim, c.state, sentence(c.seen), c.limit, CONSEQUENCE[c.consequence]) for c in checks]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def reason(checks: Sequence[Check]) -> str:
    """Why the headline is withheld, in a sentence; empty where it is not."""
    failed = withheld(checks)
    return " ".join(f"{c.claim}: violated. {sentence(c.seen)}" for c in failed)
