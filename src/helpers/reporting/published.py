"""What a paper reported beside what this run found, and which definitions are ours: the sections of the shipped systems."""

from __future__ import annotations

from typing import Any

import pandas as pd
import yaml

from helpers import prose
from helpers import study as studies
from helpers.errors import RadiogramError
from helpers.reporting.evidence import leads
from helpers.study import Study

METRICS = {"auc": "AUC", "sensitivity": "sensitivity", "specificity": "specificity", "accuracy": "accuracy"}
SECTIONS = ("ssl-fusion", "cnn3d", "idh-ki67", "npc")


def section(study: Study, name: str) -> str:
    """The section's Markdown: what positive means, the paper's values beside this run's, and what is ours.

    Raises RadiogramError where reports/published.yml has no such entry.
    """
    entry = _entry(name)
    blocks = [_positive(study), _patients(study, entry), _table(study, entry, name), _ours(entry)]
    return "\n\n".join(blocks)


def _entry(name: str) -> dict[str, Any]:
    path = studies.house() / "reports" / "published.yml"
    entries = yaml.safe_load(path.read_text(encoding="utf-8"))
    if name not in entries:
        raise RadiogramError(f"reports/published.yml has no entry {name}; it has {prose.listing(list(entries))}.")
    return entries[name]


def _positive(study: Study) -> str:
    """Which class is positive, said before any number."""
    told = [
        f"**Positive means {e.positive}**, negative {e.negative}: every sensitivity is the share of patients with {e.positive} "
        "who were found."
        for e in study.parameters.cohort.endpoints
    ]
    return "::: {.notice}\n" + "\n\n".join(told) + "\n:::"


def _patients(study: Study, entry: dict[str, Any]) -> str:
    found = leads(study)
    found = found if len({lead.n for lead in found}) > 1 else found[:1]  # labels may be known in fewer of one endpoint
    here = prose.listing([f"{lead.n} patients ({lead.events} with {lead.endpoint.positive})" for lead in found])
    synthetic = (
        " The patients of this run are synthetic, so nothing here confirms or contradicts the paper: the table shows that the same "
        "question is asked and answered in the same terms."
        if study.synthetic
        else ""
    )
    return f"{entry['paper']} [@{entry['work']}] studied {entry['patients']}. This run judged its models in {here}.{synthetic}"


def _table(study: Study, entry: dict[str, Any], name: str) -> str:
    """A Markdown table with its caption, as both renderers number it."""
    scores = pd.concat([study.tables.read("scores"), _contenders(study)], ignore_index=True)
    rows = [row for reported in entry["rows"] for row in _rows(reported, scores)]
    frame = pd.DataFrame(
        rows, columns=["Model", "Endpoint and part", "Measure", "Paper reported", "This run (95 % interval)"]
    )
    about = "Synthetic cohort." if study.synthetic else ""
    caption = (
        "What the paper's abstract reports, without intervals as it gives none, beside this run's model of the same kind in the same "
        f"part. Sensitivity, specificity and accuracy of this run are at the threshold frozen in training. {about}"
    )
    table = prose.markdown_table(frame, left=3)
    return f"@tbl-published-{name} sets the two side by side.\n\n::: {{#tbl-published-{name}}}\n{table}\n\n{caption.strip()}\n:::"


def _contenders(study: Study) -> pd.DataFrame:
    """Contenders of a contest as models, for papers that name inputs and classifier."""
    if not study.tables.exists("contest"):
        return pd.DataFrame()
    contest = study.tables.read("contest")
    return contest.assign(
        model=[_contender(*key) for key in zip(contest["inputs"], contest["classifier"], strict=True)]
    )


def _contender(inputs: str, classifier: str) -> str:
    return f"{inputs}, {classifier}"


def _rows(reported: dict[str, Any], scores: pd.DataFrame) -> list[tuple[str, ...]]:
    """One row a measure that the paper gives."""
    kinds = {"train": "oof"}
    part, model, endpoint = reported["part"], reported["beside"], reported["endpoint"]
    if "classifier" in reported:
        model = _contender(model, reported["classifier"])
    kind = kinds.get(part, "frozen")
    own = scores[
        (scores["model"] == model)
        & (scores["endpoint"] == endpoint)
        & (scores["part"] == part)
        & (scores["kind"] == kind)
    ]
    found = own.set_index("metric")
    name = f"{reported['model']}; here {prose.model_name(model)}"
    where = f"{prose.variable(endpoint)}, {prose.part_inline(part, kind)}"
    return [
        (name, where, words, prose.number(reported[metric], _digits(reported[metric])), _value(found, metric))
        for metric, words in METRICS.items()
        if metric in reported
    ]


def _digits(value: float) -> int:
    """As many digits as the paper printed, two at least."""
    return max(2, len(f"{value:g}".partition(".")[2]))


def _value(found: pd.DataFrame, metric: str) -> str:
    if metric not in found.index:
        return "not in this run"
    return prose.interval(*(float(found.loc[metric, column]) for column in ("estimate", "low", "high")))


def _ours(entry: dict[str, Any]) -> str:
    points = "\n".join(f"- {point};" for point in entry["ours"][:-1])
    return (
        "Only the abstract was read. Whatever it leaves open was decided here, and must not be taken for the authors' choice:\n\n"
        f"{points}\n- {entry['ours'][-1]}."
    )
