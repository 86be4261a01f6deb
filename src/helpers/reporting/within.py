"""What models give among patients who are alike in what no model reads: sentences and a table, as Markdown."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from helpers import prose
from helpers.evaluation import comparison_printed, strata
from helpers.evaluation.subgroups import WHOLE
from helpers.parameters import Subgroup
from helpers.reporting.evidence import Lead, leads
from helpers.study import Study


def section(study: Study) -> str:
    """Every subgroup by something that no model reads, endpoint by endpoint; "" in a study without any."""
    groupings = strata.groupings(study.parameters)
    if not groupings:
        return ""
    table = study.tables.read("strata")
    told = [_grouping(study, table, grouping) for grouping in groupings]
    return "\n\n".join([*told, _table(study, table)])


def _grouping(study: Study, table: pd.DataFrame, grouping: Subgroup) -> str:
    """What is judged in each level, what cannot be, and what a model of the strata alone would reach."""
    name = _inline(grouping)
    blocks = [f"No model reads {name}, which is used here only to ask what a model adds among patients who share it."]
    for lead in leads(study):
        own = table[(table["endpoint"] == lead.endpoint.name) & (table["part"] == lead.part)]
        blocks.append(" ".join(_endpoint(study, own, grouping, lead)))
    return "\n\n".join(block for block in blocks if block)


def _endpoint(study: Study, own: pd.DataFrame, grouping: Subgroup, lead: Lead) -> list[str]:
    levels = own[(own["variable"] == grouping.name) & (own["kind"] == lead.kind)]
    sentences, withheld = [], []
    for level, here in levels.groupby("level", sort=False):
        row = here[here["model"] == lead.model].iloc[0]
        if row["note"].startswith("not judged"):
            withheld.append(f"{_inline(grouping)} {level} ({row['note'].removeprefix('not judged: ')})")
        else:
            sentences.append(_within(study, here, f"{_inline(grouping)} {level}", lead))
    if sentences:
        sentences.append(_strata_alone(study, own, grouping))
    if withheld:
        sentences.append(f"Not judged for {lead.endpoint.positive}: {'; '.join(withheld)}.")
    return sentences


def _within(study: Study, here: pd.DataFrame, where: str, lead: Lead) -> str:
    """The leading model in one level, the networks, and what the clinical variables alone reach there."""
    cells = here.set_index("model")
    row = cells.loc[lead.model]
    who = f"{prose.part_inline(lead.part, lead.kind)}, {row['events']} of {row['n']} with {lead.endpoint.positive}"
    models = [lead.model, *_beside(study, list(cells.index), lead.model)]
    values = [
        f"{_told(model, lead)} {prose.interval(*cells.loc[model, ['estimate', 'low', 'high']])}" for model in models
    ]
    chance = row["low"] <= 0.5 <= row["high"]
    doubt = (
        f" For {_told(lead.model, lead)} the interval includes 0.50, so chance cannot be ruled out there."
        if chance
        else ""
    )
    return f"Within {where} ({who}) the AUC is: {'; '.join(values)}.{doubt}"


def _beside(study: Study, models: Sequence[str], lead: str) -> list[str]:
    """Networks, and fusions that have no member: clinical variables alone."""
    networks = study.parameters.networks
    named = [*(n.name for n in networks.models), *(f.name for f in networks.fusions if not f.members)]
    return [model for model in named if model in models and model != lead]


def _told(model: str, lead: Lead) -> str:
    return f"the {lead.name}" if model == lead.model else prose.model_inline(model)


def _strata_alone(study: Study, own: pd.DataFrame, grouping: Subgroup) -> str:
    """What would be left of a model that only told the strata apart; with its AUC in all where it is a comparator."""
    sentence = f"A model that only told one {_inline(grouping)} from another would fall to 0.50 within each"
    names = [b.name for b in study.parameters.cohort.baselines if b.column == grouping.column]
    alone = own[own["model"].isin(names) & (own["variable"] == WHOLE)]
    if alone.empty:
        return f"{sentence}."
    value = prose.interval(*alone.iloc[0][["estimate", "low", "high"]])
    return f"{sentence}: {_inline(grouping)} alone reaches {value} in all of these patients."


def _inline(grouping: Subgroup) -> str:
    return prose.variable(grouping.name, inline=True)


def _table(study: Study, table: pd.DataFrame) -> str:
    """A Markdown table with its caption, as both renderers number it."""
    about = " Synthetic cohort." if study.synthetic else ""
    caption = (
        f"AUC (95 % interval) of every model in all patients and within strata that no model reads; events of patients stand first. "
        f"Strata with fewer than {study.parameters.statistics.subgroup_events} patients with, or without, the endpoint are not judged."
        f"{about}"
    )
    rows = prose.markdown_table(comparison_printed.strata(table), left=1)
    return f"@tbl-strata has every model.\n\n::: {{#tbl-strata}}\n{rows}\n\n{caption}\n:::"
