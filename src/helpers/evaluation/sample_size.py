"""Table `sample_size`: what the field's criteria ask for, and what this study has."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from helpers import prose
from helpers.evaluation import headline
from helpers.parameters import Parameters
from helpers.statistics.power import auc_power
from helpers.statistics.samplesize import development_sample_size
from helpers.statistics.validation_size import expected_precision, validation_sample_size
from helpers.tables import DECLARED

COLUMNS = list(DECLARED["sample_size"].names)
# An area of one half has no effect to find, and one near 1 asks for nothing: anticipate within these.
LEAST, MOST = 0.6, 0.95
DEVELOPMENT, VALIDATION = "developing the model", "judging the model"
LEGACY = 10  # events per candidate parameter of the old rule of thumb
Row = tuple[str, str, str, str, str]


def sample_size(
    cases: pd.DataFrame, features: pd.DataFrame | None, scores: pd.DataFrame, *, model: str, parameters: Parameters
) -> pd.DataFrame:
    """Riley's criteria for developing and for judging `model`, at its own AUC and the sample's prevalence.

    Candidates are counted before selection: choosing among them is what uses up the events. Development is left out where
    the model was fitted elsewhere, judging where no part has both outcomes.
    """
    candidates = _candidates(features, parameters)
    rows = []
    for endpoint in parameters.cohort.endpoints:
        own = scores[(scores["endpoint"] == endpoint.name) & (scores["model"] == model) & (scores["metric"] == "auc")]
        training = cases.loc[cases["part"] == "train", endpoint.name].dropna()
        if candidates and training.nunique() == 2:
            found = _development(training, candidates, _anticipated(own, ("oof", "frozen")))
            rows += [(endpoint.name, DEVELOPMENT, *row) for row in found]
        judged = headline.judged(own)
        if len(judged) and judged["part"].iloc[0] != "train":
            n, events = int(judged["n"].iloc[0]), int(judged["events"].iloc[0])
            found = _validation(n, events, _anticipated(own, ("frozen", "oof")))
            rows += [(endpoint.name, VALIDATION, *row) for row in found]
    return pd.DataFrame(rows, columns=COLUMNS)


def _candidates(features: pd.DataFrame | None, parameters: Parameters) -> int:
    """Candidate parameters of the study: the feature columns its signatures choose from, and the clinical variables."""
    wanted = {*parameters.modeling.signatures, *parameters.modeling.nomogram}
    columns = [] if features is None else [c for c in features if c not in ("case", "reader")]
    deep = [c for c in columns if "_deep_" in c]
    count = len(deep) if "deep" in wanted else 0
    count += len(columns) - len(deep) if "radiomics" in wanted else 0
    clinical = len(parameters.cohort.clinical) if "clinical" in wanted else 0
    return count + clinical


def _anticipated(own: pd.DataFrame, kinds: tuple[str, ...]) -> float:
    found = [own.loc[own["kind"] == kind, "estimate"] for kind in kinds]
    estimate = next((float(values.iloc[0]) for values in found if len(values)), LEAST)
    return min(max(estimate, LEAST), MOST)


def _development(training: pd.Series, candidates: int, c: float) -> Iterator[Row]:
    n, events = len(training), int(training.sum())
    found = development_sample_size(parameters=candidates, prevalence=events / n, c=c)
    about = f"{candidates:,} candidate parameters, anticipated AUC {prose.number(c)}"
    have = f"{n} patients"
    yield "shrinkage of at least 0.90", f"{found.shrinkage:,} patients", have, about
    yield "optimism in R\N{SUPERSCRIPT TWO} below 0.05", f"{found.optimism:,} patients", have, ""
    yield "overall risk within 0.05", f"{found.intercept:,} patients", have, ""
    smaller = min(events, n - events)
    per = smaller / candidates
    told = f"{per:.2g} events per candidate" if per < LEGACY else f"{per:.0f} events per candidate"
    yield "events per candidate parameter", f"{LEGACY} (rule of thumb, legacy)", told, "counted in the rarer outcome"


def _validation(n: int, events: int, c: float) -> Iterator[Row]:
    if not 0 < events < n:
        return
    needed = validation_sample_size(prevalence=events / n, c=c)
    expected = expected_precision(n=n, events=events, auc=c)
    have = f"{n} patients, {events} events"
    for name, patients, width, half in (
        ("AUC", needed.auc, "0.05", expected.auc),
        ("calibration slope", needed.slope, "0.10", expected.slope),
        ("observed / expected events", needed.observed_expected, "0.10", expected.observed_expected),
    ):
        criterion = f"{name} to within \N{PLUS-MINUS SIGN}{width}"
        told = f"to within \N{PLUS-MINUS SIGN}{prose.number(half)} is to be expected here"
        yield criterion, f"{patients:,} patients", have, told
    power = auc_power(c, events=events, nonevents=n - events)
    yield "power to tell the AUC from 0.5", "80 %", f"{100 * power:.0f} %", f"at an AUC of {prose.number(c)}"
