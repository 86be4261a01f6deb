"""The first screen of a study of readers without a model: which condition they read better in, and for whom that holds."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from helpers import prose
from helpers.evaluation import reader_agreement, reader_headline, reader_words
from helpers.evaluation.reader_tests import MEAN
from helpers.parameters import Endpoint
from helpers.reporting.evidence import FEW_EVENTS
from helpers.statistics.readers import FEWEST_RANDOM_READERS
from helpers.study import Study


@dataclass(frozen=True)
class ReaderLead:
    """The tables of a reader study, and the comparison of its conditions that is to be read first."""

    endpoint: Endpoint
    conditions: tuple[str, ...]
    scores: pd.DataFrame
    tests: pd.DataFrame
    agreement: pd.DataFrame

    @property
    def n(self) -> int:
        return int(self.scores["n"].iloc[0])

    @property
    def events(self) -> int:
        return int(self.scores["events"].iloc[0])

    @property
    def few(self) -> bool:
        """Whether fewer than 100 cases had the event, or fewer than 100 did not."""
        return min(self.events, self.n - self.events) < FEW_EVENTS

    @property
    def readers(self) -> list[str]:
        return [reader for reader in dict.fromkeys(self.scores["reader"]) if reader != MEAN]

    @property
    def leading(self) -> pd.Series | None:
        return reader_headline.leading(self.tests)

    def area(self, condition: str) -> float:
        """AUC of whoever leads, in a condition."""
        of = self.scores[(self.scores["reader"] == self.leading["reader"]) & (self.scores["metric"] == "auc")]
        return float(of.set_index("condition").loc[condition, "estimate"])


def lead(study: Study) -> ReaderLead:
    """What the run found, from its tables."""
    names = ("reader_scores", "reader_comparisons", "reader_agreement")
    scores, *others = (study.tables.read(name) for name in names)
    conditions = tuple(c for c in study.parameters.readers.conditions if c in set(scores["condition"]))
    return ReaderLead(study.parameters.cohort.endpoints[0], conditions, scores, *others)


def answer(found: ReaderLead) -> str:
    """How well readers rank cases in each condition, in words before symbols."""
    row, endpoint = found.leading, found.endpoint
    if row is None:
        return f"{prose.count(len(found.readers), 'reader')} read {found.n} cases; their ratings allow no comparison of conditions by AUC."
    first, second = found.conditions
    who = "The reader" if len(found.readers) == 1 else "Readers"
    area = "AUC" if len(found.readers) == 1 else "mean AUC"
    times = [f"{100 * found.area(c):.0f} times in 100 {reader_words.under(c)}" for c in (second, first)]
    areas = " against ".join(prose.number(found.area(c), 3) for c in (second, first))
    gap = prose.difference(row["estimate"], row["low"], row["high"]).replace(" (", ", 95 % CI ").rstrip(")")
    return (
        f"{who} ranked a case with {endpoint.positive} above one with {endpoint.negative} {' and '.join(times)} "
        f"({area} {areas}; difference {gap}; {prose.p_value(row['p'])})."
    )


def panels(found: ReaderLead) -> str:
    """Four questions, one sentence each, as Markdown definition blocks."""
    told = {
        "Is there a difference?": _difference(found),
        "Did every reader gain?": _every_reader(found),
        "Do the calls change?": _calls(found),
        "Do readers agree?": _agree(found),
    }
    blocks = [f"::: {{.finding}}\n**{question}** {sentence}\n:::" for question, sentence in told.items()]
    return ":::: {.findings}\n" + "\n\n".join(blocks) + "\n::::"


def _difference(found: ReaderLead) -> str:
    row = found.leading
    if row is None:
        return "Not judged: there are no two conditions with ratings on a scale."
    reading = "beyond what chance explains" if row["low"] > 0 or row["high"] < 0 else "compatible with none"
    scope = reader_headline.scope(len(found.readers))
    return f"{prose.p_value(row['p'])}: the difference in mean AUC is {reading}. {scope}"


def _every_reader(found: ReaderLead) -> str:
    tests = found.tests
    rows = tests[(tests["metric"] == "auc") & (tests["reader"] != MEAN) & ~tests["contrast"].str.startswith("model - ")]
    if rows.empty:
        return "Not judged: no reader has an AUC in two conditions."
    gained, alone = int((rows["estimate"] > 0).sum()), int(((rows["p"] < 0.05) & (rows["estimate"] > 0)).sum())
    low, high = (prose.number(value, 3) for value in (rows["estimate"].min(), rows["estimate"].max()))
    return (
        f"{prose.percent(gained, len(rows)).split(' (')[0]} had a higher AUC {reader_words.under(found.conditions[1])} "
        f"(changes from {low} to {high}); taken alone, {alone} of these gains had P below 0.05."
    )


def _calls(found: ReaderLead) -> str:
    rows = {metric: reader_headline.leading(found.tests, metric) for metric in ("sensitivity", "specificity")}
    told = [
        f"{metric} changed by {prose.difference(row['estimate'], row['low'], row['high'])}"
        for metric, row in rows.items()
        if row is not None
    ]
    if told:
        return f"{prose.listing(told).capitalize()}."
    return "Not judged: there are no calls in two conditions (readers.call_at can say from which rating on a reading is positive)."


def _agree(found: ReaderLead) -> str:
    """Kappa of all readers, else the range over pairs; of calls where there are calls."""
    table = found.agreement[found.agreement["statistic"] != reader_agreement.PREVALENCE]
    order = (reader_agreement.FLEISS, reader_agreement.COHEN, reader_agreement.WEIGHTED)
    statistic = next((s for s in order if (table["statistic"] == s).any()), None)
    if statistic is None:
        return "Not judged: there was one reader, or neither calls nor ratings of up to ten levels."
    told = []
    for condition, rows in table[table["statistic"] == statistic].groupby("condition", sort=False):
        low, high = (prose.number(value) for value in (rows["estimate"].min(), rows["estimate"].max()))
        told.append(f"{low if low == high else f'{low} to {high} by pair'} {reader_words.under(condition)}")
    name = statistic[0].upper() + statistic[1:]
    return f"{name}: {prose.listing(told)}; 0 is chance, 1 is perfect."


def limits(study: Study, found: ReaderLead) -> list[str]:
    """What these readings cannot show."""
    sentences = []
    if found.few:
        smaller, word = min((found.events, found.endpoint.positive), (found.n - found.events, found.endpoint.negative))
        sentences.append(
            f"The result rests on {prose.count(found.n, 'case')}, {smaller} of them with {word}; fewer than 100 of either kind give "
            "an imprecise answer."
        )
    if len(found.readers) < FEWEST_RANDOM_READERS:
        sentences.append(f"{reader_headline.scope(len(found.readers))[:-1]}; how others would read is unknown.")
    if not study.parameters.readers.design:
        sentences.append("How the reading was organized (order, washout, blinding, experience) is not stated.")
    sentences.append("Readers in a study know that their decisions have no consequences; practice may differ.")
    return sentences
