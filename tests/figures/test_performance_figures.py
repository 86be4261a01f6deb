"""Figures of performance: what they claim, and that every word is whole for few and many models, and for awkward data."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from helpers import tables
from helpers.figures import calibration, classification, comparisons, decision, discrimination, theme
from helpers.figures import texts_performance as texts
from helpers.statistics.calibration import calibration_curve
from helpers.statistics.decision import compare_net_benefit, decision_curve
from helpers.statistics.discrimination import auc, compare_paired, holm, roc_curve
from helpers.statistics.intervals import wilson

pytestmark = pytest.mark.slow

KEY = ["endpoint", "model", "part", "kind"]
SIX = {
    "nomogram": 1.4, "radiomics": 1.0, "deep": 0.9, "clinical": 0.8, "network_pretrained_on_natural_images": 0.7,
    "lesion_volume_in_milliliters_on_FLAIR": 0.4,
}  # fmt: skip
AT = np.round(np.arange(0.1, 0.801, 0.02), 4)


def predicted(models: dict[str, float], sizes: dict[str, int], *, endpoints: int = 1) -> pd.DataFrame:
    """Table `predictions`: the stronger the signal, the better a model."""
    rows = []
    for e, endpoint in enumerate(("progression", "idh_mutant")[:endpoints]):
        for p, (part, n) in enumerate(sizes.items()):
            rng = np.random.default_rng([17, e, p])
            truth = np.r_[1, 0, (rng.random(n - 2) < 0.45).astype(int)]
            for model, signal in models.items():
                noise = np.random.default_rng([23, e, p, len(model)]).normal(size=n)
                risk = 1 / (1 + np.exp(-(signal * (truth - 0.5) + noise)))
                case = [f"{part}-{i}" for i in range(n)]
                own = {"case": case, "patient": case, "endpoint": endpoint, "model": model, "part": part}
                kind = "oof" if part == "train" else "frozen"
                rows.append(pd.DataFrame({**own, "kind": kind, "truth": truth, "probability": risk}))
    return pd.concat(rows, ignore_index=True)


def each(predictions: pd.DataFrame):
    for key, own in predictions.groupby(KEY, sort=False):
        yield dict(zip(KEY, key, strict=True)), own["truth"].to_numpy(), own["probability"].to_numpy()


def curves(predictions: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Tables `roc`, `roc_band`, `calibration`, `calibration_groups` and `decision`."""
    made: dict[str, list[pd.DataFrame]] = {k: [] for k in ("roc", "band", "calibration", "groups", "decision")}
    for key, truth, risk in each(predictions):
        curve = roc_curve(truth, risk)
        points = {"threshold": curve.threshold, "sensitivity": curve.sensitivity, "specificity": curve.specificity}
        made["roc"].append(pd.DataFrame({**key, **points}))
        at = np.linspace(0, 1, 51)
        middle = np.interp(at, curve.specificity[::-1], curve.sensitivity[::-1])
        low, high = wilson(middle * truth.sum(), np.full(51, truth.sum()))
        band = {"specificity": at, "sensitivity": middle, "low": low, "high": high}
        made["band"].append(pd.DataFrame({**key, **band}))
        for version, moved, smoother in (
            ("main", risk, "auto"),
            ("loess", risk, "loess"),
            ("recalibrated", risk**1.2, "auto"),
        ):
            replicates = 0 if version == "loess" else 20
            found = calibration_curve(truth, moved, smoother=smoother, replicates=replicates, seed=2)
            columns = {name: getattr(found, name) for name in ("predicted", "observed", "low", "high", "smoother")}
            made["calibration"].append(pd.DataFrame({**key, "version": version, **columns}))
        fifths = pd.DataFrame({"truth": truth, "risk": risk}).sort_values("risk")
        parts = [fifths.iloc[i] for i in np.array_split(np.arange(len(fifths)), 5) if len(i)]
        for own in parts:
            low, high = (float(v) for v in wilson(own["truth"].sum(), len(own)))
            values = {"predicted": own["risk"].mean(), "observed": own["truth"].mean(), "low": low, "high": high}
            made["groups"].append(
                pd.DataFrame({**key, **values, "count": len(own), "events": own["truth"].sum()}, index=[0])
            )
        net = decision_curve(truth, risk, thresholds=AT)
        names = (
            "threshold",
            "net_benefit",
            "low",
            "high",
            "treat_all",
            "standardized",
            "interventions_avoided",
            "prevalence",
        )
        table = pd.DataFrame({**key, **{name: getattr(net, name) for name in names}})
        half = 100 * (table["high"] - table["low"]) / 2 * (1 - AT) / AT
        avoided = table["interventions_avoided"]
        made["decision"].append(table.assign(avoided_low=avoided - half, avoided_high=avoided + half))
    return {name: pd.concat(tables, ignore_index=True) for name, tables in made.items()}


def measured(predictions: pd.DataFrame, *, cut: float = 0.5) -> pd.DataFrame:
    """Table `scores`."""
    rows = []
    for key, truth, risk in each(predictions):
        call, event = risk >= cut, truth == 1
        area = auc(truth, risk)
        values: dict[str, tuple] = {
            "auc": (area.estimate, area.low, area.high),
            "calibration_in_the_large": (-0.12, -0.6, 0.36),
            "calibration_slope": (0.84, 0.4, 1.28),
            "ici": (0.06, 0.02, 0.12),
            "brier": (0.18, 0.14, 0.22),
        }
        for name, mask in (("sensitivity", event), ("specificity", ~event)):
            right = (call == event)[mask]
            values[name] = (right.mean(), *(float(v) for v in wilson(right.sum(), right.size)))
        for name, mask in {"tp": call & event, "fn": ~call & event, "fp": call & ~event, "tn": ~call & ~event}.items():
            values[name] = (int(mask.sum()), np.nan, np.nan)
        rows += [(*key.values(), metric, *value, "", len(truth), int(truth.sum())) for metric, value in values.items()]
    columns = [*KEY, "metric", "estimate", "low", "high", "method", "n", "events"]
    return pd.DataFrame(rows, columns=columns)


def compared(predictions: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Tables `comparisons` and `decision_differences` of the frozen parts."""
    tests, gaps = [], []
    frozen = predictions[predictions["kind"] == "frozen"]
    for (endpoint, part), here in frozen.groupby(["endpoint", "part"], sort=False):
        wide = here.pivot(index="case", columns="model", values="probability")[list(dict.fromkeys(here["model"]))]
        truth = here.drop_duplicates("case").set_index("case")["truth"].loc[wide.index].to_numpy()
        pairs = list(combinations(wide, 2))
        found = [compare_paired(truth, wide[a].to_numpy(), wide[b].to_numpy()) for a, b in pairs]
        adjusted = holm(np.array([t.p for t in found])) if found else []
        for (a, b), t, p in zip(pairs, found, adjusted, strict=True):
            family = "confirmatory" if (a, b) == ("nomogram", "clinical") else "exploratory"
            values = (t.estimate, t.low, t.high, t.statistic, np.nan, t.p, p, family)
            tests.append((endpoint, part, a, b, "difference in AUC, paired DeLong", *values))
        if len(pairs) > 1:
            none = (np.nan,) * 3
            tests.append((endpoint, part, "all models", "", "equal AUC", *none, 12.5, 2.0, 0.0019, 0.0019, "global"))
        first = next(iter(wide))
        against = {"treat all": np.ones(len(wide)), "treat none": np.zeros(len(wide))}
        against |= {other: wide[other].to_numpy() for other in list(wide)[1:]}
        for other, risk in against.items():
            gap = compare_net_benefit(truth, wide[first].to_numpy(), risk, thresholds=AT)
            values = {"threshold": AT, "difference": gap.difference, "low": gap.low, "high": gap.high}
            gaps.append(
                pd.DataFrame({"endpoint": endpoint, "part": part, "model_a": first, "model_b": other, **values})
            )
    columns = list(tables.DECLARED["comparisons"].names)
    none = tables.empty("decision_differences")
    return pd.DataFrame(tests, columns=columns), pd.concat(gaps, ignore_index=True) if gaps else none


def recalibration(predictions: pd.DataFrame) -> pd.DataFrame:
    """Table `recalibration`: better after than before."""
    values = {"calibration_in_the_large": 0.3, "calibration_slope": 0.7, "ici": 0.08, "brier": 0.2}
    rows = []
    for key, _, _ in each(predictions[predictions["kind"] == "frozen"]):
        for version, gain in (("as given", 0.0), ("recalibrated", 0.1)):
            rows += [
                (key["endpoint"], key["model"], key["part"], version, m, v + gain, v - 0.2, v + 0.4)
                for m, v in values.items()
            ]
    return pd.DataFrame(rows, columns=["endpoint", "model", "part", "version", "metric", "estimate", "low", "high"])


def study(models: dict[str, float], sizes: dict[str, int], *, endpoints: int = 1) -> SimpleNamespace:
    """Every table of a study's performance."""
    predictions = predicted(models, sizes, endpoints=endpoints)
    pairs = predictions[["endpoint", "model"]].drop_duplicates()
    tests, gaps = compared(predictions)
    return SimpleNamespace(
        predictions=predictions, scores=measured(predictions), comparisons=tests, differences=gaps,
        thresholds=pairs.assign(rule="youden", threshold=0.5, chosen_on="training").reset_index(drop=True),
        recalibration=recalibration(predictions), **curves(predictions),
    )  # fmt: skip


DRAW: dict[str, Callable[[SimpleNamespace, str], Figure]] = {
    "roc": lambda t, _: discrimination.roc(t.roc, t.scores, thresholds=t.thresholds, band=t.band),
    "risk": lambda t, lead: discrimination.risk(t.predictions, t.thresholds, model=lead),
    "calibration": lambda t, lead: calibration.calibration(
        t.calibration, t.scores, t.predictions, model=lead, groups=t.groups
    ),
    "recalibrated": lambda t, lead: calibration.recalibrated(
        t.calibration, t.recalibration, model=lead, scores=t.scores
    ),
    "decision": lambda t, _: decision.decision(t.decision, scores=t.scores, predictions=t.predictions),
    "interventions": lambda t, _: decision.interventions(t.decision, scores=t.scores),
    "differences": lambda t, lead: decision.differences(t.differences, model=lead, scores=t.scores),
    "classification": lambda t, lead: classification.classification(t.predictions, t.thresholds, model=lead),
    "confusion": lambda t, _: classification.confusion(t.scores),
    "matrix": lambda t, _: comparisons.matrix(t.comparisons, t.scores),
}


class Figures(dict):
    """The figures of a study by name, each drawn when it is first asked for."""

    def __init__(self, tables: SimpleNamespace):
        self.tables = tables

    def __missing__(self, name: str) -> Figure:
        self[name] = DRAW[name](self.tables, self.tables.predictions["model"].iloc[0])
        return self[name]


def first(count: int) -> dict[str, float]:
    return dict(list(SIX.items())[:count])


def separated() -> SimpleNamespace:
    """Two models, one of which separates the outcomes without an error and has no interval of its AUC."""
    t = study(
        {"nomogram": 90.0, "network_pretrained_on_natural_images": 0.8}, {"train": 60, "test": 30, "external:Lyon": 25}
    )
    perfect = (t.scores["model"] == "nomogram") & (t.scores["metric"] == "auc")
    t.scores.loc[perfect, ["estimate", "low", "high"]] = (1.0, np.nan, np.nan)
    return t


def unlimited() -> SimpleNamespace:
    """No limit is known anywhere."""
    t = study(first(2), {"test": 30})
    for table in (t.scores, t.band, t.calibration, t.decision, t.differences, t.comparisons, t.recalibration):
        for column in {"low", "high", "avoided_low", "avoided_high", "p", "p_holm"} & set(table.columns):
            table[column] = np.nan
    return t


STUDIES = {
    "one model": lambda: study(first(1), {"test": 30}),
    "two models, one part": lambda: study(first(2), {"train": 60}),
    "four models": lambda: study(first(4), {"train": 84, "test": 36}),
    "six models, three parts": lambda: study(SIX, {"train": 84, "test": 360, "external:A town with a long name": 51}),
    "two endpoints": lambda: study(first(2), {"train": 84, "test": 36}, endpoints=2),
    "few patients": lambda: study(first(3), {"test": 7}),
    "perfect separation": separated,
    "no limits": unlimited,
}


@pytest.fixture(scope="module")
def studies() -> dict[str, SimpleNamespace]:
    """Every study with its `figures`."""
    made = {name: make() for name, make in STUDIES.items()}
    for t in made.values():
        t.figures = Figures(t)
    return made


@pytest.mark.parametrize("name", STUDIES)
def test_every_word_is_whole_and_alone_on_every_figure(studies, name, layout):
    found = {figure: layout.faults(studies[name].figures[figure]) for figure in DRAW}
    assert not {figure: wrong for figure, wrong in found.items() if wrong}


@pytest.mark.parametrize("name", ["four models", "two endpoints"])
def test_n_and_events_are_on_every_figure(studies, name, layout):
    t = studies[name]
    rows = t.predictions[(t.predictions["part"] == "test") & (t.predictions["model"] == "nomogram")]
    own = rows[rows["endpoint"] == "progression"]
    for figure in DRAW:
        assert f"n = {len(own)}, {own['truth'].sum()} events" in layout.told(t.figures[figure]), figure


def test_a_perfect_model_has_no_interval_that_says_certainty(studies, layout):
    words = layout.told(studies["perfect separation"].figures["roc"])
    assert "1.00 (interval not estimable)" in words
    assert "1.00 to 1.00" not in words


def test_the_band_of_the_roc_curve_belongs_to_the_first_model(studies):
    figure = studies["four models"].figures["roc"]
    color = theme.model_style("nomogram")["color"]
    for ax in figure.axes:
        assert [c.get_facecolor()[0][:3].tolist() for c in ax.collections] == [list(_rgb(color))]


def test_the_cross_spans_the_limits_of_sensitivity_and_specificity(studies):
    t = studies["four models"]
    ax = t.figures["roc"].axes[1]
    own = t.scores.query("part == 'test' and model == 'nomogram'").set_index("metric")
    drawn_lines = [
        (np.ptp(li.get_xdata()), np.ptp(li.get_ydata())) for li in ax.lines if li.get_color() == theme.ink("nomogram")
    ]
    height = own.loc["sensitivity", "high"] - own.loc["sensitivity", "low"]
    width = own.loc["specificity", "high"] - own.loc["specificity", "low"]
    assert drawn_lines == [pytest.approx((0, height)), pytest.approx((width, 0))]


def test_roc_and_calibration_are_square_on_paper(studies):
    t = studies["six models, three parts"]
    found = t.figures
    for ax in [
        *found["roc"].axes,
        *(a for a in found["calibration"].axes if a.get_ylim() == (0, 1)),
        *found["recalibrated"].axes,
    ]:
        box = ax.get_window_extent()
        assert ax.get_aspect() == 1 and box.width == pytest.approx(box.height, rel=0.01)


def test_few_events_are_said_to_be_imprecise_and_many_are_not(studies, layout):
    t = studies["six models, three parts"]
    words = layout.told(t.figures["calibration"])
    assert t.predictions.query("part == 'test' and model == 'deep'")["truth"].sum() >= 100
    assert words.count("imprecise: fewer than 100 events") == 2


def test_the_name_of_the_second_smoother_hides_no_group_of_patients(studies, layout):
    for name in ("four models", "two endpoints"):
        t = studies[name]
        figure = t.figures["calibration"]
        layout.words(figure)
        for ax in figure.axes:
            labels = [text.get_window_extent() for text in ax.texts if text.get_text() == "loess"]
            circles = [line for line in ax.lines if line.get_marker() == "o"]
            points = [p for line in circles for p in ax.transData.transform(line.get_xydata())]
            assert not [p for p in points for box in labels if box.contains(*p)]


def test_a_curve_that_cannot_be_had_is_said(studies, layout):
    assert "smooth curve not estimable" in layout.told(studies["perfect separation"].figures["calibration"])


def test_names_of_models_are_whole_beside_an_interval_in_words(studies, layout):
    assert "Nomogram" in layout.told(studies["few patients"].figures["roc"]).split("\n")


def test_the_main_curve_is_not_joined_with_loess_or_the_recalibrated_one(studies):
    t = studies["four models"]
    ax = next(a for a in t.figures["calibration"].axes if a.get_label() == "progression test")
    own = t.calibration.query("part == 'test' and model == 'nomogram' and version == 'main'")
    curve = next(line for line in ax.lines if line.get_color() == theme.model_style("nomogram")["color"])
    assert list(curve.get_ydata()) == list(own["observed"])


def test_recalibration_is_shown_before_and_after_with_its_own_numbers(studies, layout):
    words = layout.told(studies["four models"].figures["recalibrated"])
    assert "0.70 (0.50 to 1.10)" in words and "0.80 (0.50 to 1.10)" in words
    assert "fitted in training" in words


def test_a_restated_prevalence_is_said_on_the_decision_curve(studies, layout):
    t = studies["four models"]
    assert "at a prevalence of 0.30" in layout.told(
        decision.decision(t.decision.assign(prevalence=0.3), scores=t.scores)
    )
    assert "prevalence" not in layout.told(decision.decision(t.decision, scores=t.scores))


def test_the_strip_counts_who_is_at_or_above_the_threshold(studies, layout):
    t = studies["four models"]
    own = t.predictions.query("part == 'test' and model == 'nomogram'")
    high = own[own["probability"] >= 0.5]
    assert f"{len(high)} ({high['truth'].sum()})" in layout.told(t.figures["decision"])


def test_the_differences_are_those_of_the_first_model(studies):
    t = studies["four models"]
    ax = t.figures["differences"].axes[1]
    own = t.differences.query("part == 'test' and model_b == 'treat none'")
    assert any(list(line.get_ydata()) == list(own["difference"]) for line in ax.lines)


def test_interventions_avoided_never_pass_a_hundred_per_hundred(studies):
    for name in STUDIES:
        assert all(ax.get_ylim()[1] <= 103 for ax in studies[name].figures["interventions"].axes)


def test_curves_of_classification_pass_through_the_frozen_operating_point(studies, layout):
    t = studies["four models"]
    figure = t.figures["classification"]
    own = t.scores.query("part == 'test' and model == 'nomogram'").set_index("metric")
    for metric in ("sensitivity", "specificity"):
        low, high = own.loc[metric, ["low", "high"]]
        assert f"{own.loc[metric, 'estimate']:.2f} ({low:.2f} to {high:.2f})" in layout.told(figure)
    risks, lines = t.predictions.query("part == 'test' and model == 'nomogram'"), figure.axes[1].lines
    for line, metric in zip(lines[:2], ("sensitivity", "specificity"), strict=True):
        x, y = line.get_data()
        at = np.searchsorted(x, 0.5)  # steps: the value at a threshold is that of the next risk
        assert y[at] == pytest.approx(own.loc[metric, "estimate"]), (metric, len(risks))


def test_values_that_are_no_probabilities_keep_their_own_axis(layout):
    t = study(first(1), {"test": 40})
    scaled, cut = (
        t.predictions.assign(probability=t.predictions["probability"] * 900 - 100),
        t.thresholds.assign(threshold=310.0),
    )
    along, across = classification.classification(scaled, cut), discrimination.risk(scaled, cut)
    assert not layout.faults(along) + layout.faults(across)
    assert along.axes[0].get_xlim()[1] > 400 and across.axes[0].get_ylim()[1] > 400
    none = calibration.calibration(t.calibration.iloc[:0], t.scores, scaled)
    assert "No risks were predicted." in layout.told(none)


def test_long_words_of_an_outcome_are_whole_with_their_counts(layout):
    t = study(first(1), {"train": 60, "test": 36, "external:Lyon": 30})
    words = SimpleNamespace(name="progression", positive="true progression", negative="pseudoprogression")
    figure = discrimination.risk(t.predictions, t.thresholds, endpoints=[words])
    assert not layout.faults(figure)
    own = t.predictions.query("part == 'test' and truth == 1")["probability"]
    assert f"true progression\nn = {len(own)}\n{(own >= 0.5).sum()} high risk" in layout.told(figure)


def test_cells_of_the_two_by_two_tables_add_up_to_the_patients(studies):
    t = studies["four models"]
    for ax in t.figures["confusion"].axes:
        counts = [int(text.get_text()) for text in ax.texts if text.get_text().isdigit()]
        assert len(counts) == 4 and sum(counts) == 36


def test_the_matrix_reads_the_same_whichever_model_came_first(studies, layout):
    t = studies["four models"]
    turned = t.comparisons.assign(
        model_a=t.comparisons["model_b"], model_b=t.comparisons["model_a"], estimate=-t.comparisons["estimate"],
        low=-t.comparisons["high"], high=-t.comparisons["low"],
    )  # fmt: skip
    assert sorted(layout.told(comparisons.matrix(t.comparisons, t.scores)).split("\n")) == sorted(
        layout.told(comparisons.matrix(turned, t.scores)).split("\n")
    )


def test_the_matrix_is_tinted_by_the_difference_and_not_by_p(studies):
    t = studies["four models"]
    tints = [
        {
            patch.get_facecolor()
            for patch in comparisons.matrix(t.comparisons.assign(p=p, p_holm=p), t.scores).axes[0].patches
        }
        for p in (0.9, 1e-6)
    ]
    assert tints[0] == tints[1] and len(tints[0]) > 2


def test_a_frame_is_explained_only_where_a_comparison_was_declared(studies, layout):
    assert "Thick frame" in layout.told(studies["four models"].figures["matrix"])
    assert "Thick frame" not in layout.told(studies["perfect separation"].figures["matrix"])


def test_a_matrix_of_six_models_without_limits_fits_its_cells(layout):
    t = study(SIX, {"test": 40})
    unknown = dict.fromkeys(("low", "high", "p", "p_holm"), np.nan)
    figure = comparisons.matrix(t.comparisons.assign(**unknown), t.scores.assign(low=np.nan, high=np.nan))
    assert not layout.faults(figure)
    assert layout.told(figure).count("(no interval)") == 6 + 15


def test_the_matrix_says_how_many_models_it_leaves_out(layout):
    many = SIX | {"one_more": 0.5, "and_another": 0.3}
    t = study(many, {"test": 40})
    figure = comparisons.matrix(t.comparisons, t.scores)
    assert "The first 6 of 8 models" in layout.told(figure).replace("\n", " ")
    assert not layout.faults(figure)


def test_tables_without_rows_give_a_figure_that_says_so(studies, layout):
    t = studies["one model"]
    empty = SimpleNamespace(**{k: v.iloc[:0] for k, v in vars(t).items() if k != "figures"})
    figures = [
        calibration.recalibrated(empty.calibration, empty.recalibration),
        decision.interventions(empty.decision),
        decision.differences(empty.differences),
        classification.classification(empty.predictions, empty.thresholds),
        classification.confusion(empty.scores),
        comparisons.matrix(t.comparisons, t.scores),
    ]
    assert all(figure.texts and not layout.faults(figure) for figure in figures)


def test_the_same_tables_give_the_same_bytes(studies):
    t = studies["four models"]
    first_time, again = (
        [theme.svg(Figures(t)[name]) for name in ("matrix", "confusion", "differences")] for _ in range(2)
    )
    assert first_time == again


def test_alternative_texts_give_the_numbers_of_the_figures(studies):
    t = studies["four models"]
    told_of = texts.alt_performance(
        {
            "recalibration": t.recalibration, "decision": t.decision, "decision_differences": t.differences,
            "scores": t.scores, "comparisons": t.comparisons,
        },
        t.predictions, t.thresholds, model="nomogram",
    )  # fmt: skip
    own = t.scores.query("part == 'test' and model == 'nomogram'").set_index("metric")
    tp, fn = (int(own.loc[m, "estimate"]) for m in ("tp", "fn"))
    assert "recalibrated: calibration in the large 0.40 (0.10 to 0.70)" in told_of["alt_recalibrated"]
    assert f"nomogram: {tp} of {tp + fn} with the event at high risk" in told_of["alt_confusion"]
    sensitivity = own.loc["sensitivity"]
    assert f"sensitivity {sensitivity['estimate']:.2f} ({sensitivity['low']:.2f} to" in told_of["alt_classification"]
    row = t.comparisons.query("model_a == 'nomogram' and model_b == 'clinical'").iloc[0]
    assert (
        f"nomogram minus clinical {row['estimate']:.2f} ({row['low']:.2f} to {row['high']:.2f})"
        in told_of["alt_matrix"]
    )
    assert "against treating all" in told_of["alt_differences_nb"]
    assert "at 0.10" in told_of["alt_interventions"]


def _rgb(color: str) -> tuple[float, ...]:
    return tuple(int(color[i : i + 2], 16) / 255 for i in (1, 3, 5))
