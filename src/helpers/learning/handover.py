"""All endpoints of a study, learned one after the other, and their tables put on top of each other.

One process: on the sizes of radiomics studies the fits take less time than a worker's start. Only the repetitions of
internal validation may be many enough for several.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

import pandas as pd

from helpers import cluster, prose
from helpers.learning import missing_data
from helpers.learning.centers_judged import EndpointCenters, judge_endpoint
from helpers.learning.centers_traces import harmonization_endpoint
from helpers.learning.endpoint import EndpointModels, EndpointSelection, Mapper, model_endpoint, select_endpoint
from helpers.learning.validation import EndpointValidation, validate_endpoint
from helpers.parameters import Parameters
from helpers.study import Study
from helpers.tables import write_whole

# Repetitions of a second each from which further processes earn back the seconds of their start.
WORTH_PROCESSES = 60


def selections(study: Study, cases: pd.DataFrame, features: pd.DataFrame) -> list[EndpointSelection]:
    """The selection on the training rows, one an endpoint."""
    options = {"parameters": study.parameters, "seed": study.parameters.seed}
    return [select_endpoint(cases, features, endpoint=e.name, **options) for e in study.parameters.cohort.endpoints]


def models(study: Study, cases: pd.DataFrame, features: pd.DataFrame) -> list[EndpointModels]:
    """The cross-fitted models, one an endpoint."""
    options = {"parameters": study.parameters, "seed": study.parameters.seed}
    return [model_endpoint(cases, features, endpoint=e.name, **options) for e in study.parameters.cohort.endpoints]


def validations(study: Study, cases: pd.DataFrame, features: pd.DataFrame) -> list[EndpointValidation]:
    """Internal validation of the models in the tables predictions, selected and thresholds, one an endpoint.

    In several processes where there are enough repetitions; the tables are the same for any number of them.
    """
    options = {"parameters": study.parameters, "seed": study.parameters.seed, "mapper": _mapper(study.parameters)}
    given = (cases, features, study.tables.read("predictions"), study.tables.read("selected"))
    frozen = study.tables.read("thresholds")
    return [
        validate_endpoint(*given, endpoint=e.name, thresholds=_thresholds(frozen, e.name), **options)
        for e in study.parameters.cohort.endpoints
    ]


def centers(study: Study, cases: pd.DataFrame, features: pd.DataFrame) -> list[EndpointCenters]:
    """Every center judged by models that never saw it, one an endpoint."""
    options = {"parameters": study.parameters, "seed": study.parameters.seed}
    given = (cases, features, study.tables.read("predictions"))
    return [judge_endpoint(*given, endpoint=e.name, **options) for e in study.parameters.cohort.endpoints]


def harmonization(study: Study, cases: pd.DataFrame, features: pd.DataFrame) -> tuple[pd.DataFrame, dict[str, str]]:
    """Table `harmonization` of all endpoints, and by endpoint why there is nothing to compare, where there is not."""
    options = {"parameters": study.parameters, "seed": study.parameters.seed}
    given = (cases, features, study.tables.read("predictions"))
    names = [e.name for e in study.parameters.cohort.endpoints]
    found = {name: harmonization_endpoint(*given, endpoint=name, **options) for name in names}
    stacked = pd.concat([table for table, _ in found.values()], ignore_index=True)
    return study.tables.write("harmonization", stacked), {name: why for name, (_, why) in found.items() if why}


def missing_tables(study: Study, cases: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Tables missing_values and missing_data of every endpoint, handed over and returned by name."""
    first_stage, seed = study.tables.read("first_stage"), study.parameters.seed
    options = {"parameters": study.parameters, "seed": seed}
    found = [
        missing_data.tables(cases, first_stage, endpoint=e.name, **options) for e in study.parameters.cohort.endpoints
    ]
    stacked = {name: [each[name] for each in found if len(each[name])] or [found[0][name]] for name in found[0]}
    return {name: study.tables.write(name, pd.concat(frames, ignore_index=True)) for name, frames in stacked.items()}


def _thresholds(frozen: pd.DataFrame, endpoint: str) -> dict[str, float]:
    own = frozen[frozen["endpoint"] == endpoint]
    return dict(zip(own["model"], own["threshold"].astype(float), strict=True))


def _mapper(parameters: Parameters) -> Mapper | None:
    settings = parameters.validation
    if settings.bootstraps + settings.repeats * parameters.modeling.folds < WORTH_PROCESSES:
        return None
    return partial(cluster.map_cases, execution=parameters.execution, label="repetitions")


def write(
    study: Study,
    learned: Sequence[EndpointSelection | EndpointModels | EndpointValidation | EndpointCenters],
    names: Iterable[str],
) -> dict[str, pd.DataFrame]:
    """Hand over the named tables, all endpoints in one; returns them by name."""
    stacked = {name: pd.concat([each.tables[name] for each in learned], ignore_index=True) for name in names}
    return {name: study.tables.write(name, frame) for name, frame in stacked.items()}


def write_models(study: Study, learned: Sequence[EndpointModels]) -> None:
    """models/<endpoint>.json: coefficients, scaling and fingerprints; no patient is named."""
    for each in learned:
        text = json.dumps(each.to_json(), indent=1, sort_keys=True)
        write_whole(study.folder / "models" / f"{each.endpoint}.json", lambda path, text=text: path.write_text(text))


def selection_numbers(tables: dict[str, pd.DataFrame]) -> dict[str, Any]:
    """What prose says of the selection: features left after each step, by signature."""
    funnel = tables["funnel"]
    told = []
    for (_, signature), steps in funnel.groupby(["endpoint", "signature"], sort=False):
        counts = " \N{RIGHTWARDS ARROW} ".join(f"{n:,}" for n in steps["features"])
        told.append(f"{prose.model_name(signature).lower()} {counts}")
    return {"funnel": "; ".join(told), "selected": prose.count(len(tables["selected"]), "feature")}


def model_numbers(learned: Sequence[EndpointModels]) -> dict[str, Any]:
    """What prose says of the models: terms of the nomogram, and notes."""
    table = pd.concat([each.tables["nomogram"] for each in learned], ignore_index=True)
    terms = list(dict.fromkeys(table.loc[table["term"] != "(intercept)", "variable"]))
    notes = [note for each in learned for note in each.notes]
    return {"terms": prose.listing(terms) or "no term", "notes": " ".join(notes)}
