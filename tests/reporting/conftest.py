"""A small run as the notebooks leave it: executed notebooks, numbers, tables and run.json, made in a second."""

from __future__ import annotations

import base64
import json
import struct
import zlib
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from helpers import prose
from helpers import study as studies
from helpers.evaluation import openings
from helpers.tables import DECLARED

LABELS = {
    "01_cohort": [],
    "02_extraction": [
        "fig-segmentation", "fig-contact-sheet", "tbl-agreement", "fig-preprocessing", "tbl-geometry", "tbl-intensities",
    ],
    "03_participants": ["fig-flow", "tbl-exclusions", "tbl-baseline"],
    "04_selection": ["fig-reproducibility", "fig-funnel", "fig-lasso", "fig-coefficients", "tbl-selected"],
    "05_modeling": ["fig-nomogram", "tbl-nomogram", "tbl-added-value", "tbl-contributions"],
    "06_statistics": [
        "fig-panels", "fig-roc", "fig-risk", "tbl-performance", "tbl-baselines", "fig-classification", "fig-confusion",
        "tbl-thresholds", "tbl-secondary", "fig-calibration", "fig-recalibrated", "tbl-recalibration", "tbl-calibration-tests",
        "fig-decision", "fig-interventions", "fig-benefit", "tbl-benefit", "fig-decision-adjusted", "fig-matrix", "tbl-comparisons",
        "tbl-reclassification", "tbl-reclassification-table", "fig-forest", "tbl-subgroups", "tbl-subgroup-tests",
        "tbl-sample-size",
    ],
    "07_readers": [
        "fig-panels-aided", "fig-readers", "fig-differences", "fig-switches", "tbl-readers", "tbl-reader-comparisons",
        "tbl-reader-agreement", "tbl-switches", "tbl-reader-model",
    ],
    "08_validation": ["fig-optimism", "fig-instability", "fig-frequency", "tbl-validation"],
    "09_integrity": [
        "tbl-fits", "tbl-permutation", "fig-recipe", "tbl-recipe", "tbl-canaries", "tbl-duplicates", "tbl-controls", "tbl-openings",
    ],
    "10_plausibility": ["tbl-plausibility"],
}  # fmt: skip
SECTIONS = [
    "summary", "participants", "images", "selection", "model", "performance", "comparisons", "readers", "robustness",
    "validation", "integrity", "plausibility", "methods", "provenance",
]  # fmt: skip
STUDY = """
title: Progression or pseudoprogression after radiotherapy
question: Is it true progression or pseudoprogression?
notebooks: [{notebooks}]
cohort:
  source: phantom
  endpoints: [{{name: progression, positive: true progression, negative: pseudoprogression}}]
  sequences: [T1c, FLAIR]
  clinical: [age, sex]
  baselines: [{{name: volume, column: T1c_original_shape_MeshVolume, direction: higher}}]
report:
  sections: [{sections}]
"""
SVG = """<svg xmlns="http://www.w3.org/2000/svg" role="img" width="240pt" height="160pt" viewBox="0 0 240 160">
<!-- {label} --><path id="{label}-line" d="M20 140 L20 20 M20 140 L220 140 M20 140 Q60 30 220 20" stroke="#0072B2" fill="none"/></svg>"""
TABLE = "| Model | AUC (95 % interval) |\n| :--- | ---: |\n| {label} | 0.84 (0.73 to 0.93) |"


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(pixels: int, per_meter: int) -> str:
    """A gray square as base64, with its size in print."""
    rows = b"".join(b"\0" + b"\x80" * pixels for _ in range(pixels))
    header = struct.pack(">IIBBBBB", pixels, pixels, 8, 0, 0, 0, 0)
    parts = chunk(b"IHDR", header) + chunk(b"pHYs", struct.pack(">IIB", per_meter, per_meter, 1))
    return base64.b64encode(
        b"\x89PNG\r\n\x1a\n" + parts + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    ).decode()


def output(label: str) -> dict:
    data = {"image/svg+xml": SVG.format(label=label), "text/plain": "<Figure>"}
    if label == "fig-segmentation":
        data = {"image/png": png(440, 8661), "text/plain": "<Figure>"}
    if label.startswith("tbl"):
        data = {"text/markdown": TABLE.format(label=label), "text/plain": "Markdown"}
    return {"output_type": "display_data", "data": data, "metadata": {}}


def cell(label: str) -> dict:
    kind = label.split("-")[0]
    lines = [
        f"#| label: {label}",
        f'#| {kind}-cap: "What {label} shows in {{cohort.patients}}; \\"AUC\\" {{statistics.auc}} @delong1988."',
    ]
    if kind == "fig":
        lines.append(f'#| fig-alt: "A curve of {label}; \\"AUC\\" {{statistics.auc}}, x < y."')
    source = "\n".join([*lines, "draw('/secret/place')"])
    return {
        "cell_type": "code", "id": label, "metadata": {}, "execution_count": 3, "source": source, "outputs": [output(label)],
    }  # fmt: skip


def executed(labels: list[str]) -> dict:
    hidden = {"cell_type": "code", "id": "hidden", "metadata": {}, "execution_count": 1, "source": "secret = 'P0001'"}
    hidden["outputs"] = [
        {
            "output_type": "execute_result",
            "execution_count": 1,
            "metadata": {},
            "data": {"text/html": "<table>P0001</table>"},
        }
    ]
    prose_cell = {"cell_type": "markdown", "id": "said", "metadata": {}, "source": "# Stage"}
    cells = [prose_cell, hidden, *map(cell, labels)]
    return {
        "cells": cells,
        "metadata": {"papermill": {"output_path": "/secret/place"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }


def make_cases() -> pd.DataFrame:
    number = np.arange(60)
    return pd.DataFrame(
        {
            "case": [f"P{i:04d}" for i in number],
            "patient": [f"P{i:04d}" for i in number],
            "center": [f"center {'ABCD'[i % 4]}" for i in number],
            "part": ["test" if i % 3 == 0 else "train" for i in number],
            "progression": (number % 5 < 2).astype("int8"),
            "age": 50.0 + number % 20,
            "sex": ["F" if i % 2 else "M" for i in number],
        }
    )


def make_tables(cases: pd.DataFrame) -> dict[str, pd.DataFrame]:
    training = cases[cases["part"] == "train"]
    everyone = "\n".join(training["patient"])
    without = ["\n".join(training["patient"].iloc[np.arange(len(training)) % 2 != k]) for k in range(2)]
    fits = [
        ("progression", "nomogram", k, text, f"{k:064d}")
        for k, text in zip([-1, 0, 1], [everyone, *without], strict=True)
    ]
    oof = predictions(training, "oof")
    frozen = predictions(cases[cases["part"] == "test"], "frozen")
    return {
        "cases": cases,
        "exclusions": pd.DataFrame([("P9999", "extraction", "empty mask")], columns=["case", "stage", "reason"]),
        "repairs": pd.DataFrame([(None, "cohort", "semicolons")], columns=["case", "stage", "note"]),
        "geometry": geometry(cases),
        "truth": cases[["case"]].assign(
            endpoint="progression", heterogeneity=0.1, clinical_risk=0.2, probability=0.4, bayes_auc=0.88
        ),
        "fits": pd.DataFrame(fits, columns=["endpoint", "object", "fold", "patients", "fingerprint"]),
        "predictions": pd.concat([oof, frozen], ignore_index=True),
        "scores": scores(),
        "thresholds": pd.DataFrame(
            [("progression", "nomogram", "youden", 0.43, 0.3, 0.5, "40 training patients, out-of-fold")],
            columns=["endpoint", "model", "rule", "threshold", "low", "high", "chosen_on"],
        ),
        "decision": decision(),
        "comparisons": comparisons(),
        "funnel": pd.DataFrame(
            [
                ("progression", "radiomics", step, n)
                for step, n in (("extracted", 1210), ("reproducible", 480), ("LASSO", 7))
            ],
            columns=["endpoint", "signature", "step", "features"],
        ),
        "nomogram": nomogram(),
        "reader_comparisons": pd.DataFrame(
            [
                (
                    "progression",
                    "mean of readers",
                    "aided - unaided",
                    "auc",
                    0.05,
                    -0.01,
                    0.11,
                    1.6,
                    np.inf,
                    0.1,
                    "Obuchowski-Rockette",
                    True,
                )
            ],
            columns=list(DECLARED["reader_comparisons"].names),
        ),
        "permutation": permutation(),
        "canaries": canaries(),
        "feature_twins": pd.DataFrame(columns=list(DECLARED["feature_twins"].names)),
        "plausibility": pd.DataFrame(
            [("Every interval contains its estimate", "scores", "", "14 intervals checked, none amiss", "plausible")],
            columns=list(DECLARED["plausibility"].names),
        ),
    }


def predictions(rows: pd.DataFrame, kind: str) -> pd.DataFrame:
    table = rows[["case", "patient", "part"]].assign(endpoint="progression", model="nomogram", kind=kind)
    return table.assign(truth=rows["progression"], probability=0.5)


def geometry(cases: pd.DataFrame) -> pd.DataFrame:
    table = cases[["case"]].assign(sequence="T1c", reader="reader1", volume_ml=12.5, voxels=900)
    return table.assign(spacing="2 x 2 x 2", gray_levels=32, note="")


def permutation() -> pd.DataFrame:
    areas = [0.84, 0.47, 0.52, 0.55, 0.45, 0.51]
    rows = [("progression", "nomogram", number, area, 40, 16) for number, area in enumerate(areas)]
    return pd.DataFrame(rows, columns=list(DECLARED["permutation"].names))


def canaries() -> pd.DataFrame:
    rows = [
        ("progression", canary, "test", "frozen", 0.55, 0.4, 0.7, "DeLong", 20, 8, "nomogram", 0.29, 0.1, 0.48, 0.01)
        for canary in ("volume", "center")
    ]
    return pd.DataFrame(rows, columns=list(DECLARED["canaries"].names))


def scores() -> pd.DataFrame:
    metrics = {
        "auc": (0.84, 0.73, 0.93), "calibration_slope": (0.8, 0.5, 1.2), "calibration_in_the_large": (0.1, -0.3, 0.5),
        "sensitivity": (0.8, 0.6, 0.9), "specificity": (0.7, 0.5, 0.8), "ppv": (0.6, 0.4, 0.8), "npv": (0.9, 0.7, 1.0),
    }  # fmt: skip
    rows = [
        ("progression", "nomogram", part, kind, metric, *values, "DeLong", n, events)
        for part, kind, n, events in (("train", "oof", 40, 16), ("test", "frozen", 20, 8))
        for metric, values in metrics.items()
    ]
    columns = ["endpoint", "model", "part", "kind", "metric", "estimate", "low", "high", "method", "n", "events"]
    return pd.DataFrame(rows, columns=columns)


def decision() -> pd.DataFrame:
    at = np.round(np.arange(0.1, 0.81, 0.1), 2)
    table = pd.DataFrame({"threshold": at, "net_benefit": 0.3 - 0.3 * at, "treat_all": 0.4 - at})
    key = {"endpoint": "progression", "model": "nomogram", "part": "test", "kind": "frozen", "low": 0.0, "high": 0.4}
    more = {"interventions_avoided": 10.0, "avoided_low": 5.0, "avoided_high": 15.0, "prevalence": 0.4}
    return table.assign(**key, **more, standardized=table["net_benefit"] / 0.4)


def comparisons() -> pd.DataFrame:
    row = (
        "progression",
        "test",
        "nomogram",
        "clinical",
        "paired DeLong",
        0.06,
        -0.02,
        0.14,
        1.4,
        np.inf,
        0.15,
        0.3,
        "confirmatory",
    )
    columns = [
        "endpoint", "part", "model_a", "model_b", "test", "estimate", "low", "high", "statistic", "df", "p", "p_holm", "family",
    ]  # fmt: skip
    return pd.DataFrame([row], columns=columns)


def nomogram() -> pd.DataFrame:
    rows = [
        ("progression", "(intercept)", "", "", -0.31, 0.2, np.nan, np.nan, np.nan, np.nan, np.nan, np.nan, np.nan),
        ("progression", "radiomics", "radiomics", "", 0.84, 0.2, 2.3, 1.2, 4.4, 0.01, -2.0, 2.0, 1.0),
        ("progression", "sex=F", "sex", "F", 0.0, np.nan, 1.0, np.nan, np.nan, np.nan, 0.0, 1.0, np.nan),
        ("progression", "sex=M", "sex", "M", -0.12, 0.2, 0.9, 0.6, 1.4, 0.5, 0.0, 1.0, 0.5),
    ]
    columns = [
        "endpoint", "term", "variable", "level", "coefficient", "standard_error", "odds_ratio", "low", "high", "p", "minimum",
        "maximum", "sd",
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=columns)


NUMBERS = {
    "cohort": {
        "patients": "60 patients", "centers": "4 centers", "events": "24 of 60 (40 %)", "endpoint": "true progression",
        "parts": "training: 16 of 40 (40 %) with true progression; test: 8 of 20 (40 %) with true progression",
    },
    "statistics": {"auc": "0.84 (0.73 to 0.93)"},
    "quality": {
        "shown": "25 of 60 cases", "order": "those to look at first in front", "key": "The contour is that of the only reader.",
        "concerns": "No mask was unusual.", "agreement": "The median Dice was 0.92.", "levels": "Every lesion has enough gray levels.",
    },
    "preprocessing": {"steps": "T1c: z-scored.", "registration": "No sequence was moved."},
    "audit": {"sentence": "One case was recomputed with PyRadiomics."},
    "duplicates": {"sentence": "No two scans are the same."},
    "readers": {
        "answer": "20 cases were read by 2 radiologists.", "detail": "R1: 3 calls to the better, 1 to the worse.",
        "scope": "Inference is to these 2 readers only.",
    },
    "integrity": {
        "outside": "0 of 3 (0 %)",
        "objects": "1 object", "fits": "3 fits", "permutations": "5 permutations", "null": "the mean AUC was 0.50",
        "rerun": "every model was fitted again, from imputation on",
        "smallest_p": "0.17", "splits": "20 splits", "openings": "1 time", "most_openings": "no number was set beforehand",
    },
    "recipe": {"answer": "where ours reached an AUC of 0.84, the recipe would have claimed 0.99", "alt": "Dumbbells."},
    "validation": {
        "repeats": "2 times", "bootstraps": "20 samples", "answer": "The AUC fell from 0.90 to 0.80.",
        "error": "0.08", "flips": "9 of 100 calls",
        "frequency": "none",
    },
}  # fmt: skip


def run_record(study: studies.Study) -> dict:
    return {
        "study": study.name,
        "finished": "2026-03-05T10:11:12+00:00",
        "parameters": study.parameters.model_dump(mode="json"),
        "versions": {
            "radiogram": "0.1.0",
            "numpy": "2.4.6",
            "pyradiomics": "3.0.1",
            "timm": "1.0.31",
            "numba": "absent",
        },
        "seed": 2026,
        "inputs": {"manifest": "ab" * 32},
        "notebooks": dict.fromkeys(LABELS, "cd" * 32),
        "helpers": "ef" * 32,
        "weights": {"name": "convnext_tiny, random", "sha256": "", "license": "", "source": "random initialization"},
        "seconds": {"06_statistics": 12.3},
        "kept": [],
        "fits": [
            {"endpoint": "progression", "object": "nomogram", "fold": -1, "patients": 40, "fingerprint": "12" * 32}
        ],
    }


@pytest.fixture(scope="session")
def making() -> SimpleNamespace:
    """How the run's parts are made."""
    return SimpleNamespace(cell=cell, executed=executed, labels=LABELS, numbers=NUMBERS, png=png, sections=SECTIONS)


@pytest.fixture
def make_run(tmp_path, monkeypatch):
    """Build a finished run of a study on the phantom; returns the study. Options change the parameters."""
    monkeypatch.setenv("RADIOGRAM_RUNS", str(tmp_path / "runs"))
    return lambda **options: build_run(tmp_path, **options)


def build_run(folder: Path, *, overrides: tuple[str, ...] = (), sections: list[str] = SECTIONS) -> studies.Study:
    path = folder / "trial.yaml"
    path.write_text(STUDY.format(notebooks=", ".join(LABELS), sections=", ".join(sections)))
    study = studies.load(path, overrides=overrides)
    for name, labels in LABELS.items():
        target = study.folder / "notebooks" / f"{name}.ipynb"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(json.dumps(executed(labels)))
    for name, table in make_tables(make_cases()).items():
        study.tables.write(name, table)
    openings.note(study, code="c0de", inputs="1234")
    prose.record(study.folder, **NUMBERS)
    (study.folder / "run.json").write_text(json.dumps(run_record(study)))
    return study


@pytest.fixture(scope="session")
def page(tmp_path_factory, house):
    """A staged page, to be read and rendered but not changed."""
    from helpers.reporting import stage

    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("page")
        patch.setenv("RADIOGRAM_RUNS", str(folder / "runs"))
        return stage.stage(build_run(folder), reports=house / "reports")
