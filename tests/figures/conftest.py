"""Synthetic tables for every figure, drawn from a seed, and what can be measured of a figure's words."""

from __future__ import annotations

from functools import cache
from itertools import combinations
from types import SimpleNamespace
from zlib import crc32

import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Annotation, Text
from matplotlib.transforms import Bbox

from helpers.figures import (
    calibration,
    decision,
    discrimination,
    flow,
    montage,
    nomogram,
    panels,
    readers,
    selection,
    theme,
)

MODELS = {"nomogram": 1.3, "radiomics": 1.0, "clinical": 0.7, "CBF_maximum": 0.5}
SIZES = {"train": 84, "test": 36, "external:Lyon": 51}
GRID = np.linspace(0.1, 0.8, 36)


def make_cases(endpoints: int = 1, sizes: dict[str, int] | None = None) -> pd.DataFrame:
    rows = []
    for part, n in (sizes or SIZES).items():
        rng = np.random.default_rng([7, crc32(part.encode())])
        truth = [(rng.random(n) < p).astype("int8") for p in (0.45, 0.35)[:endpoints]]
        names = ["progression", "idh_mutant"][:endpoints]
        cases = [f"{part}-{i:03d}" for i in range(n)]
        center = part.partition(":")[2] or "Here"
        frame = pd.DataFrame({"case": cases, "patient": cases, "center": center, "part": part})
        rows.append(frame.assign(**dict(zip(names, truth, strict=True))))
    return pd.concat(rows, ignore_index=True)


def make_predictions(cases: pd.DataFrame) -> pd.DataFrame:
    rows = []
    for endpoint in [e for e in ("progression", "idh_mutant") if e in cases]:
        for model, signal in MODELS.items():
            for part, own in cases.groupby("part", sort=False):
                rng = np.random.default_rng([3, crc32(f"{endpoint}{model}{part}".encode())])
                latent = signal * (own[endpoint] - 0.45) * 2 + rng.normal(size=len(own))
                rows.append(
                    pd.DataFrame(
                        {
                            "case": own["case"],
                            "patient": own["patient"],
                            "endpoint": endpoint,
                            "model": model,
                            "part": part,
                            "kind": "oof" if part == "train" else "frozen",
                            "truth": own[endpoint],
                            "probability": 1 / (1 + np.exp(-1.1 * latent)),
                        }
                    )
                )
    return pd.concat(rows, ignore_index=True)


def each(predictions: pd.DataFrame):
    return predictions.groupby(["endpoint", "model", "part", "kind"], sort=False)


def make_roc(predictions: pd.DataFrame) -> pd.DataFrame:
    rows = []
    for keys, own in each(predictions):
        p, y = own["probability"].to_numpy(), own["truth"].to_numpy() == 1
        cuts = np.r_[np.inf, np.unique(p)[::-1]]
        rows.append(
            pd.DataFrame(
                {
                    **dict(zip(("endpoint", "model", "part", "kind"), keys, strict=True)),
                    "threshold": cuts,
                    "sensitivity": [(p[y] >= c).mean() for c in cuts],
                    "specificity": [(p[~y] < c).mean() for c in cuts],
                }
            )
        )
    return pd.concat(rows, ignore_index=True)


def make_scores(predictions: pd.DataFrame) -> pd.DataFrame:
    rows = []
    for keys, own in each(predictions):
        p, y = own["probability"].to_numpy(), own["truth"].to_numpy() == 1
        auc = (p[y][:, None] > p[~y]).mean()
        values = {
            "auc": (auc, auc - 0.1, min(auc + 0.08, 1)),
            "calibration_in_the_large": (-0.12, -0.6, 0.36),
            "calibration_slope": (0.84, 0.4, 1.28),
            "ici": (0.06, 0.02, 0.12),
            "brier": (0.18, 0.14, 0.22),
            "sensitivity": (0.8, 0.6, 0.92),
        }
        rows += [(*keys, m, *v, "bootstrap", len(own), int(y.sum())) for m, v in values.items()]
    columns = ["endpoint", "model", "part", "kind", "metric", "estimate", "low", "high", "method", "n", "events"]
    return pd.DataFrame(rows, columns=columns)


def make_thresholds(predictions: pd.DataFrame) -> pd.DataFrame:
    pairs = predictions[["endpoint", "model"]].drop_duplicates()
    return pairs.assign(rule="youden", threshold=0.46, chosen_on="84 training patients").reset_index(drop=True)


def make_calibration(predictions: pd.DataFrame) -> pd.DataFrame:
    rows = []
    for keys, own in each(predictions):
        x = np.linspace(own["probability"].min(), own["probability"].max(), 60)
        y = np.clip(0.5 + 0.8 * (x - 0.5) + 0.05 * np.sin(6 * x), 0, 1)
        wide = 0.1 + 0.25 * np.abs(x - 0.5)
        rows.append(
            pd.DataFrame(
                {
                    **dict(zip(("endpoint", "model", "part", "kind"), keys, strict=True)),
                    "predicted": x,
                    "observed": y,
                    "low": np.clip(y - wide, 0, 1),
                    "high": np.clip(y + wide, 0, 1),
                    "version": "main",
                    "smoother": "rcs3",
                }
            )
        )
    return pd.concat(rows, ignore_index=True)


def make_decision(predictions: pd.DataFrame) -> pd.DataFrame:
    rows = []
    for keys, own in each(predictions):
        p, y = own["probability"].to_numpy(), own["truth"].to_numpy() == 1
        odds = GRID / (1 - GRID)
        benefit = np.array(
            [((p >= t) & y).mean() - ((p >= t) & ~y).mean() * o for t, o in zip(GRID, odds, strict=True)]
        )
        everyone = y.mean() - (~y).mean() * odds
        avoided = 100 * (benefit - everyone) / odds
        rows.append(
            pd.DataFrame(
                {
                    **dict(zip(("endpoint", "model", "part", "kind"), keys, strict=True)),
                    "threshold": GRID,
                    "net_benefit": benefit,
                    "low": benefit - 0.09,
                    "high": benefit + 0.08,
                    "treat_all": everyone,
                    "standardized": benefit / y.mean(),
                    "interventions_avoided": avoided,
                    "avoided_low": avoided - 11,
                    "avoided_high": avoided + 9,
                    "prevalence": y.mean(),
                }
            )
        )
    return pd.concat(rows, ignore_index=True)


def make_endpoints(count: int = 1) -> list[SimpleNamespace]:
    words = [
        ("progression", "true progression", "pseudoprogression"),
        ("idh_mutant", "IDH mutant", "IDH wildtype"),
    ]
    return [SimpleNamespace(name=n, positive=p, negative=q) for n, p, q in words[:count]]


def evaluation(endpoints: int = 1, sizes: dict[str, int] | None = None) -> SimpleNamespace:
    cases = make_cases(endpoints, sizes)
    predictions = make_predictions(cases)
    return SimpleNamespace(
        cases=cases,
        predictions=predictions,
        roc=make_roc(predictions),
        scores=make_scores(predictions),
        thresholds=make_thresholds(predictions),
        calibration=make_calibration(predictions),
        decision=make_decision(predictions),
        endpoints=make_endpoints(endpoints),
    )


MEASURES = ("LargeDependenceHighGrayLevelEmphasis", "JointEntropy", "Contrast", "Busyness", "MajorAxisLength")
SEQUENCES = tuple(f"postcontrast_T1_delayed_phase_{i}" for i in range(1, 11))


def feature_names(count: int, *, signature: str = "radiomics", long: bool = False) -> list[str]:
    sequences = SEQUENCES if long else ("T1c", "FLAIR")
    if signature == "deep":
        return [f"{sequences[i % len(sequences)]}_deep_{i}" for i in range(count)]
    images = ("original_glcm", "wavelet-HHL_gldm", "log-sigma-2-0-mm-3D_firstorder", "original_ngtdm")
    return [f"{sequences[i % len(sequences)]}_{images[i % 4]}_{MEASURES[i % 5]}{i // 20 or ''}" for i in range(count)]


def make_selection(
    *,
    endpoints: int = 1,
    count: int = 6,
    signatures: tuple[str, ...] = ("radiomics", "deep"),
    long: bool = False,
) -> SimpleNamespace:
    tables: dict[str, list[pd.DataFrame]] = {
        k: [] for k in ("reproducibility", "funnel", "selected", "lasso", "lasso_path")
    }
    for endpoint in ("progression", "idh_mutant")[:endpoints]:
        for signature in signatures:
            rng = np.random.default_rng([5, crc32(f"{endpoint}{signature}".encode())])
            keys = {"endpoint": endpoint, "signature": signature}
            features = feature_names(400, signature=signature, long=long)
            icc = np.clip(rng.beta(6, 1.6, 400), 0, 1)
            low = icc - rng.uniform(0.02, 0.3, 400)
            tables["reproducibility"].append(
                pd.DataFrame(
                    {
                        **keys,
                        "feature": features,
                        "icc": icc,
                        "low": low,
                        "high": np.clip(icc + 0.05, 0, 1),
                        "kept": low >= 0.75,
                    }
                )
            )
            steps = ["extracted", "reproducible", "not constant", "not redundant", "selected"]
            tables["funnel"].append(pd.DataFrame({**keys, "step": steps, "features": [1316, 512, 498, 61, count]}))
            chosen = features[:count]
            final = np.linspace(0.9, 0.12, count) * np.where(np.arange(count) % 3 == 1, -1, 1) if count else np.zeros(0)
            tables["selected"].append(
                pd.DataFrame(
                    {
                        **keys,
                        "feature": chosen,
                        "coefficient": final,
                        "mean": 0.0,
                        "sd": 1.0,
                        "frequency": np.linspace(0.97, 0.41, count),
                    }
                )
            )
            lambdas = np.geomspace(0.3, 0.003, 40)
            entry = np.linspace(1.3, 3.4, count)
            growth = np.clip(-np.log(lambdas)[:, None] - entry[None, :], 0, None) / 2.2
            deviance = (
                1.38
                - 0.25 * np.clip(-np.log(lambdas) - 1.2, 0, 2)
                + 0.14 * np.clip(-np.log(lambdas) - 3.4, 0, None) ** 2
            )
            best = int(deviance.argmin())
            tables["lasso"].append(
                pd.DataFrame(
                    {
                        **keys,
                        "lambda": lambdas,
                        "deviance": deviance,
                        "standard_error": 0.06,
                        "nonzero": (growth > 0).sum(axis=1),
                        "chosen": np.arange(40) == best,
                    }
                )
            )
            tables["lasso_path"].append(
                pd.DataFrame(
                    {
                        **keys,
                        "lambda": np.repeat(lambdas, count),
                        "feature": np.tile(chosen, 40),
                        "coefficient": (growth * final).ravel(),
                    }
                )
            )
    return SimpleNamespace(**{name: pd.concat(rows, ignore_index=True) for name, rows in tables.items()})


def make_nomogram(endpoints: int = 1, *, long: bool = False) -> pd.DataFrame:
    """A table `nomogram` with a positive, a negative, a weak and a categorical predictor."""
    terms = [
        ("(intercept)", "(intercept)", None, -0.4, np.nan, np.nan),
        ("radiomics", "radiomics", None, 1.1, -2.31, 2.08),
        ("deep", "deep", None, 0.8, -1.9, 2.2),
        ("age", "age", None, -0.03, 24.0, 81.0),
        ("sex=male", "sex", "male", 0.0, 0.0, 1.0),
        ("sex=female", "sex", "female", 0.35, 0.0, 1.0),
        ("days_since_radiotherapy", "days_since_radiotherapy", None, 0.0004, 30.0, 412.0),
    ]
    if long:
        levels = ["total resection", "subtotal resection", "biopsy only", "not operated"]
        terms += [
            (f"surgery={v}", "extent_of_surgery_before_the_first_scan", v, b, 0, 1)
            for v, b in zip(levels, (0, 0.1, 0.2, 0.9), strict=True)
        ]
    frame = pd.DataFrame(terms, columns=["term", "variable", "level", "coefficient", "minimum", "maximum"])
    rest = dict.fromkeys(("standard_error", "odds_ratio", "low", "high", "p", "sd"), 1.0)
    return pd.concat(
        [frame.assign(endpoint=e, **rest) for e in ("progression", "idh_mutant")[:endpoints]],
        ignore_index=True,
    )


EXAMPLE = {"radiomics": 0.62, "deep": -0.4, "age": 47.0, "sex": "female", "days_since_radiotherapy": 96.0}


def make_exclusions() -> pd.DataFrame:
    reasons = ["no endpoint"] * 4 + ["no mask"] * 2
    late = [
        "mask of T1c is empty",
        "image FLAIR.nii.gz has 4 dimensions, and a scan of 3 was expected: split the series first",
    ]
    rows = [(f"out-{i}", "cohort", r) for i, r in enumerate(reasons)] + [
        (f"late-{i}", "extraction", r) for i, r in enumerate(late)
    ]
    return pd.DataFrame(rows, columns=["case", "stage", "reason"])


def make_readings(cases: pd.DataFrame, readers: int = 2, *, rated: bool = True) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Tables `readings` and `reader_scores` of the test part."""
    test = cases[cases["part"] == "test"]
    truth = test["progression"].to_numpy()
    rows, scores = [], []
    for i in range(readers):
        rng = np.random.default_rng([11, i])
        noise = rng.normal(size=len(test))
        for condition, gain in (("unaided", 0.9), ("aided", 1.6)):
            value = gain * (truth - 0.5) + noise
            rating = np.clip(np.round(value + 3), 1, 5) if rated else (value > 0).astype(float)
            call = (value > 0).astype(int)
            rows.append(
                pd.DataFrame(
                    {
                        "case": test["case"],
                        "reader": f"reader{i + 1}",
                        "condition": condition,
                        "rating": rating,
                        "call": call,
                        "seconds": 60.0,
                    }
                )
            )
            found = {"sensitivity": call[truth == 1].mean(), "specificity": 1 - call[truth == 0].mean()}
            found |= {"auc": 0.7 + 0.1 * (condition == "aided") + 0.02 * i} if rated else {}
            scores += [
                (
                    "progression",
                    f"reader{i + 1}",
                    condition,
                    m,
                    v,
                    v - 0.1,
                    v + 0.08,
                    "",
                    len(test),
                    truth.sum(),
                )
                for m, v in found.items()
            ]
    columns = ["endpoint", "reader", "condition", "metric", "estimate", "low", "high", "method", "n", "events"]
    return pd.concat(rows, ignore_index=True), pd.DataFrame(scores, columns=columns)


def make_panels(count: int = 2) -> list[tuple]:
    """Slices with two readers' masks."""
    y, x = np.mgrid[:80, :72]
    head = np.exp(-(((y - 40) / 34.0) ** 4 + ((x - 36) / 28.0) ** 4))
    panels = []
    for i in range(count):
        lesion = np.hypot((y - 34) * 1.1, x - 44) < 7 + i % 3
        other = np.hypot(y - 35, x - 45) < 8
        image = head * 90 + lesion * 60 + np.random.default_rng(i).normal(size=head.shape) * 6
        panels.append(
            (
                SEQUENCES[i] if count > 2 else ("T1c", "FLAIR")[i],
                image,
                [("reader1", lesion), ("reader2", other)],
                (2.2, 2.2),
            )
        )
    return panels


@cache
@theme.drawn
def words(figure: Figure) -> list[tuple[str, Bbox, float]]:
    """Every visible text of a figure: words, extent in pixels, size in points."""
    FigureCanvasAgg(figure)
    figure.draw_without_rendering()  # places everything, at half the price
    renderer, found, hidden = figure.canvas.get_renderer(), [], undrawn(figure)
    for text in figure.findobj(Text):
        if text.get_visible() and text.get_text().strip() and text not in hidden:
            extent = Text.get_window_extent if isinstance(text, Annotation) else type(text).get_window_extent
            found.append((text.get_text(), extent(text, renderer), text.get_fontsize()))
    return found


def undrawn(figure: Figure) -> set[Text]:
    """What matplotlib keeps and does not draw: words of axes switched off, and ticks outside the limits of their axis."""
    found = set()
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            low, high = sorted(axis.get_view_interval())
            if not axes.axison:
                found.update(axis.findobj(Text))
            for tick in axis.get_major_ticks():
                if not low - 1e-9 <= tick.get_loc() <= high + 1e-9:
                    found.update((tick.label1, tick.label2))
    return found


def collide(a: Bbox, b: Bbox) -> bool:
    """More than a pixel and a half in both directions: extents hold the line's leading, not only the ink."""
    wide = min(a.x1, b.x1) - max(a.x0, b.x0)
    high = min(a.y1, b.y1) - max(a.y0, b.y0)
    return wide > 1.5 and high > 2.5


def faults(figure: Figure) -> list[str]:
    """Words that are cut by the edge, lie on each other, or are too small; and a figure wider than the page."""
    width, height = figure.get_size_inches() * figure.dpi
    found = words(figure)
    wrong = [f"cut: {w}" for w, b, _ in found if b.x0 < -1 or b.y0 < -1 or b.x1 > width + 1 or b.y1 > height + 1]
    wrong += [f"small: {w}" for w, _, size in found if size < theme.SMALL]
    wrong += [f"overlap: {a} | {b}" for (a, p, _), (b, q, _) in combinations(found, 2) if collide(p, q)]
    if figure.get_size_inches()[0] / theme.MM > theme.DOUBLE + 1e-6:
        wrong.append("wider than the page")
    return wrong


def told(figure: Figure) -> str:
    return "\n".join(text for text, _, _ in words(figure))


@pytest.fixture(scope="session")
def layout() -> SimpleNamespace:
    """What can be measured of a figure's legibility."""
    return SimpleNamespace(words=words, faults=faults, told=told)


@pytest.fixture(scope="session")
def make() -> SimpleNamespace:
    """The makers of tables, by name."""
    makers = {n.removeprefix("make_"): f for n, f in globals().items() if n.startswith("make_")}
    return SimpleNamespace(**makers, evaluation=evaluation, example=EXAMPLE, sizes=SIZES)


@pytest.fixture(scope="session")
def gallery() -> dict[str, Figure]:
    """Every figure in ordinary and in awkward circumstances: long names, many centers, two endpoints, one feature."""
    return ordinary() | awkward()


def ordinary() -> dict[str, Figure]:
    t = evaluation(1, {"train": 84, "test": 36})
    read, judged = make_readings(t.cases)
    s = make_selection()
    return {
        "flow": flow.participant_flow(t.cases, make_exclusions(), endpoints=t.endpoints, enrolled=128),
        "segmentation": montage.segmentation(make_panels()),
        "reproducibility": selection.reproducibility(s.reproducibility, threshold=0.75),
        "funnel": selection.funnel(s.funnel),
        "lasso": selection.lasso(s.lasso, s.lasso_path),
        "coefficients": selection.coefficients(s.selected),
        "nomogram": nomogram.nomogram(make_nomogram(), cases=t.cases, example=EXAMPLE),
        "roc": discrimination.roc(t.roc, t.scores, thresholds=t.thresholds),
        "risk": discrimination.risk(t.predictions, t.thresholds, endpoints=t.endpoints),
        "calibration": calibration.calibration(t.calibration, t.scores, t.predictions),
        "decision": decision.decision(t.decision, scores=t.scores),
        "readers": readers.readers(read, t.cases, t.predictions, judged, t.thresholds, scores=t.scores),
        "panels": panels.panels(t.scores, t.calibration, t.decision, reader_scores=judged),
    }


def awkward() -> dict[str, Figure]:
    t = evaluation(2)
    far = make_cases(2, {**SIZES, "external:Basel": 30, "external:A hospital with a very long name in town": 12})
    read, judged = make_readings(t.cases, 3)
    s = make_selection(endpoints=2, count=14, long=True)
    one = make_selection(count=1, signatures=("radiomics",))
    parts = ["test", "external:Lyon"]
    return {
        "flow, five parts": flow.participant_flow(far, make_exclusions().iloc[:0], endpoints=t.endpoints),
        "segmentation, ten sequences": montage.segmentation(make_panels(10)),
        "lasso, long names": selection.lasso(s.lasso, s.lasso_path),
        "lasso, one feature": selection.lasso(one.lasso, one.lasso_path),
        "coefficients, long names": selection.coefficients(s.selected),
        "coefficients, one feature": selection.coefficients(one.selected),
        "nomogram, crowded levels": nomogram.nomogram(make_nomogram(2, long=True)),
        "roc, two endpoints": discrimination.roc(t.roc, t.scores, thresholds=t.thresholds),
        "risk, two endpoints": discrimination.risk(t.predictions, t.thresholds, endpoints=t.endpoints),
        "calibration, two endpoints": calibration.calibration(t.calibration, t.scores, t.predictions),
        "decision, two endpoints": decision.decision(t.decision, part=parts, scores=t.scores),
        "readers, three": readers.readers(read, t.cases, t.predictions, judged, t.thresholds),
        "panels, no readers": panels.panels(t.scores, t.calibration, t.decision),
    }
