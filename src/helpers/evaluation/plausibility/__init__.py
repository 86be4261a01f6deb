"""The plausibility linter: what a careful reviewer would recompute, over every table of a run (statistics: sin 19).

A finding is "implausible" when the numbers contradict each other or the arithmetic, and "look at this" when they are
possible but ask for an explanation, such as an AUC that falls from training to test.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import pandas as pd

from helpers import prose
from helpers.evaluation.plausibility import counts, gaps, p_values, ranges, sums, widths
from helpers.evaluation.plausibility.rule import LOOK, PLAUSIBLE, WRONG, Checked, Rule, Verdict
from helpers.tables import DECLARED

__all__ = ["LOOK", "PLAUSIBLE", "WRONG", "amiss", "lint", "printed"]

MOST_NAMED = 3
COLUMNS = list(DECLARED["plausibility"].names)
RULES: dict[str, Rule] = {
    "Every interval contains its estimate": ranges.intervals,
    "Every value is possible": ranges.possible,
    "AUC intervals are as wide as the patients allow": widths.widths,
    "No interval is printed twice": widths.repeated,
    "No two models predict the same": widths.duplicates,
    "Shares are whole numbers of patients": counts.whole,
    "Two-by-two tables agree with themselves": counts.two_by_two,
    "Models of a part share their patients": counts.same_patients,
    "Events are not more than patients": counts.events_within,
    "Reclassification tables hold every patient": counts.reclassified,
    "Adjusted P values are not smaller": p_values.adjusted,
    "P values agree with their intervals": p_values.agree,
    "P values follow from their statistics": p_values.from_statistic,
    "Differences are those of the scores": sums.differences,
    "Sums are those of their parts": sums.totals,
    "Net benefit is possible": sums.net_benefits,
    "Training and test agree": gaps.train_test,
    "Risks are not too extreme in new patients": gaps.slopes,
}


def lint(tables: Mapping[str, pd.DataFrame], *, level: float = 0.95) -> pd.DataFrame:
    """Table `plausibility`: one row a rule and table, which sums up, then one row for each thing that is amiss.

    tables: by the names of helpers.tables; whatever is absent or empty is passed over. level: of the intervals. A row that
    sums up has an empty `where` and the gravest verdict of its own findings; no row names a case or patient.
    """
    rows = [row for title, rule in RULES.items() for checked in rule(tables, level) for row in _rows(title, checked)]
    return pd.DataFrame(rows, columns=COLUMNS).astype(str)


def amiss(findings: pd.DataFrame, *verdicts: Verdict) -> pd.DataFrame:
    """The single findings of a table `plausibility`, of all verdicts or of those named."""
    single = findings[findings["where"] != ""]
    return single[single["verdict"].isin(verdicts or (LOOK, WRONG))]


def _rows(title: str, checked: Checked) -> Iterator[tuple[str, ...]]:
    verdicts = {found.verdict for found in checked.amiss}
    gravest = next((v for v in (WRONG, LOOK) if v in verdicts), PLAUSIBLE)
    told = f"{prose.count(checked.count, checked.what, _plural(checked.what))} checked, {len(checked.amiss) or 'none'} amiss"
    yield title, checked.table, "", told, gravest
    for found in checked.amiss:
        yield title, checked.table, found.where, found.seen, found.verdict


def _plural(what: str) -> str:
    """ "P value with an interval" -> "P values with an interval", "set of predictions" -> "sets of predictions"."""
    return re.sub(r"^(.*?)(?= with | of |$)", r"\1s", what, count=1)


def printed(findings: pd.DataFrame) -> pd.DataFrame:
    """For a reader: what is amiss first, the gravest on top, then one row a rule and what it looked at in all."""
    single = amiss(findings)
    order = single.assign(_grave=single["verdict"].map({WRONG: 0, LOOK: 1})).sort_values("_grave", kind="stable")
    rows = [(r.rule, f"{_words(r.table)}: {r.where}", r.seen, r.verdict) for r in order.itertuples()]
    sums_up = findings[findings["where"] == ""]
    for rule, here in sums_up.groupby("rule", sort=False):
        names = [_words(name) for name in dict.fromkeys(here["table"])]
        where = prose.listing(names) if len(names) <= MOST_NAMED else f"{len(names)} tables"
        count = int((single["rule"] == rule).sum())
        rows.append((rule, where, _total(here["seen"]), f"{count} amiss, above" if count else PLAUSIBLE))
    return pd.DataFrame(rows, columns=["Rule", "Where", "What was seen", "Verdict"])


def _total(seen: pd.Series) -> str:
    """What a rule looked at in all tables together: "250 rows checked, ..." and "60 rows checked, ..." -> "310 rows"."""
    found = seen.str.extract(r"^([\d,]+) (.+) checked,")
    number = found[0].str.replace(",", "").astype(int)
    kind = found[1].where(number != 1, found[1].map(_plural))
    return prose.listing([f"{total:,} {what}" for what, total in number.groupby(kind, sort=False).sum().items()])


def _words(table: str) -> str:
    return table.replace("_", " ").capitalize().replace("Roc", "ROC")
