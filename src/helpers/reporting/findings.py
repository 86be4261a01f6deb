"""What the tables of selection, model, performance and comparisons say, in sentences."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pandas as pd

from helpers import prose
from helpers.evaluation import known_limits, plausibility
from helpers.reporting import published
from helpers.reporting.evidence import Lead, leads
from helpers.study import Study


def selection(study: Study) -> str:
    """How many features of each signature came through each step."""
    funnel = study.tables.read("funnel")
    several = funnel["endpoint"].nunique() > 1
    sentences = []
    for (endpoint, signature), rows in funnel.groupby(["endpoint", "signature"], sort=False):
        first, *others = zip(rows["step"], rows["features"].astype(int), strict=True)
        steps = prose.listing([f'{n:,} after the step "{step}"' for step, n in others])
        about = f" for {prose.variable(endpoint, inline=True)}" if several else ""
        left = f"; {steps} were left" if steps else ""
        sentences.append(f"{prose.model_name(signature)}{about}: {first[1]:,} features {first[0]}{left}.")
    return " ".join(sentences)


def model(study: Study) -> str:
    """The equation of every nomogram, with its intercept, and what was noted while the models were fitted."""
    table = study.tables.read("nomogram")
    words = {e.name: e.positive for e in study.parameters.cohort.endpoints}
    blocks = []
    for endpoint, rows in table.groupby("endpoint", sort=False):
        terms = " ".join(_term(row) for row in rows.itertuples() if not _silent(row))
        intercept = rows.loc[rows["term"] == "(intercept)", "coefficient"]
        start = prose.number(float(intercept.iloc[0]), 4) if len(intercept) else "0"
        blocks.append(
            f"The risk of {words[endpoint]} is 1 / (1 + exp(\N{MINUS SIGN}L)) with\n\n"
            f"::: {{.equation}}\nL = {start} {terms}\n:::"
        )
    notes = prose.numbers(study.folder).get("modeling", {}).get("notes")
    blocks += [f"Noted while the models were fitted: {_escaped(notes)}"] if notes else []
    return "\n\n".join(blocks)


def _silent(row: tuple) -> bool:
    """The intercept, which comes first, and the reference level of a category, which adds nothing."""
    return row.term == "(intercept)" or (bool(row.level) and row.coefficient == 0)


def _term(row: tuple) -> str:
    sign = "\N{MINUS SIGN}" if row.coefficient < 0 else "+"
    size = prose.number(abs(row.coefficient), 4)
    name = prose.variable(str(row.variable), inline=True)
    what = f"[{name} is {row.level}]" if isinstance(row.level, str) and row.level else name
    return f"{sign} {size}\N{NO-BREAK SPACE}\N{MULTIPLICATION SIGN}\N{NO-BREAK SPACE}{_escaped(what)}"


def _escaped(text: str) -> str:
    return text.replace("[", r"\[").replace("]", r"\]")


def performance(study: Study) -> str:
    """The leading model: discrimination, calibration, and the operating point at the frozen threshold."""
    thresholds = study.tables.read("thresholds").set_index(["endpoint", "model"])
    return "\n\n".join(_performance(lead, thresholds) for lead in leads(study))


def _performance(lead: Lead, thresholds: pd.DataFrame) -> str:
    sentences = [
        f"Among {lead.who}, {lead.events} of them with {lead.endpoint.positive}, the {lead.name} reached an AUC of {lead.told('auc')}."
    ]
    if lead.has("calibration_slope"):
        sentences.append(
            f"Its calibration slope was {lead.told('calibration_slope')} and its calibration-in-the-large "
            f"{lead.told('calibration_in_the_large')}, where 1 and 0 are ideal."
        )
    key = (lead.endpoint.name, lead.model)
    if lead.has("sensitivity") and key in thresholds.index:
        threshold = thresholds.loc[key]
        sentences.append(
            f"At the threshold of {prose.number(float(threshold['threshold']))}, chosen on {threshold['chosen_on']} "
            f"(rule: {threshold['rule']}), sensitivity was {lead.told('sensitivity')}, specificity {lead.told('specificity')}, "
            f"the positive predictive value {lead.told('ppv')} and the negative {lead.told('npv')}."
        )
    return " ".join(sentences)


def comparisons(study: Study) -> str:
    """The declared contrasts, in the parts no model was fitted on."""
    table = study.tables.read("comparisons")
    declared = table[table["family"] == "confirmatory"]
    if declared.empty:
        return "No contrast was declared beforehand; all that follow are exploratory."
    several = declared["endpoint"].nunique() > 1 or declared["part"].nunique() > 1
    sentences = [_contrast(row, _about(row) if several else "") for row in declared.itertuples()]
    return " ".join([*sentences, *_all_at_once(table, several=several)])


def _about(row: Any) -> str:
    return f" ({prose.variable(row.endpoint, inline=True)}, {prose.part_inline(row.part)})"


def _all_at_once(table: pd.DataFrame, *, several: bool) -> list[str]:
    """The global test, one a part."""
    return [
        f"All models taken together{_about(row) if several else ''}, the hypothesis "
        f"of equal areas has {prose.p_value(row.p)} (chi-square {prose.number(row.statistic)} on {row.df:.0f} degrees of freedom)."
        for row in table[table["family"] == "global"].itertuples()
    ]


def _contrast(row: tuple, about: str) -> str:
    first, second = prose.model_inline(row.model_a), prose.model_inline(row.model_b)
    difference = prose.interval(row.estimate, row.low, row.high)
    reading = "" if row.low > 0 or row.high < 0 else " The data are compatible with no difference."
    return (
        f"The AUC of the {first} minus that of the {second}{about} is {difference}, "
        f"{prose.p_value(row.p)}, Holm-adjusted {prose.p_value(row.p_holm)}.{reading}"
    )


def robustness(study: Study) -> str:
    """What simulation found the intervals and tests of this report unable to promise."""
    scores, compared = study.tables.read("scores"), study.tables.read("comparisons")
    names = (
        "added_value",
        "decision_differences",
        "reclassification",
        "subgroup_tests",
        "reader_comparisons",
        "reader_agreement",
    )
    filled = [name for name in names if study.tables.exists(name) and len(study.tables.read(name))]
    patients = min(lead.n for lead in leads(study))
    found = known_limits.applying({*scores["metric"], *compared["family"], *filled}, patients=patients)
    return (
        "\n".join(f"- {sentence}" for sentence in found) or "- None of the limits that simulation found applies here."
    )


def plausible(study: Study) -> str:
    """What the plausibility linter found over every number of the run."""
    table = study.tables.read("plausibility")
    rules = prose.count(table["rule"].nunique(), "rule")
    opening = f"Every number of the run was held against the others, and against its sample size, by {rules}."
    wrong, doubtful = (len(plausibility.amiss(table, v)) for v in (plausibility.WRONG, plausibility.LOOK))
    if not wrong and not doubtful:
        return f"{opening} None was found amiss."
    told = [f"{prose.count(wrong, 'number is', 'numbers are')} implausible"] if wrong else []
    told += [f"{prose.count(doubtful, 'finding deserves', 'findings deserve')} a look"] if doubtful else []
    return f"{opening} {prose.listing(told)}; they stand first in the table below."


def networks(study: Study) -> str:
    """How many networks were trained how often, whether anything about them has to be known, and what each is."""
    said = prose.numbers(study.folder)["networks"]
    return (
        f"{said['networks']} gave {said['trainings']}, each of at most {said['epochs']}, with {said['seeds']} in each fold; "
        f"{said['stopping']} of a fold's patients only decided when to stop. {said['notes']}\n\n{said['definitions']}"
    )


# Sections with generated sentences, and who writes them.
WRITERS: dict[str, Callable[[Study], str]] = {
    "selection": selection,
    "model": model,
    "performance": performance,
    "markers": performance,
    "comparisons": comparisons,
    "robustness": robustness,
    "plausibility": plausible,
    "networks": networks,
    **{name: partial(published.section, name=name) for name in published.SECTIONS},
}
