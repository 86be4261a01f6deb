"""The theme: same model, same look; same table, same bytes; no state left behind."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import matplotlib
import pytest
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure

from helpers import tables
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

pytestmark = pytest.mark.slow


def lines_of(figure: Figure, model: str) -> set[tuple[float, ...]]:
    """Colors of all drawn lines that have the model's own dash pattern and color."""
    color = to_rgba(theme.model_style(model)["color"])
    return {to_rgba(line.get_color()) for line in figure.findobj(matplotlib.lines.Line2D)} & {color}


def test_every_figure_function_returns_a_figure(gallery):
    assert all(isinstance(figure, Figure) for figure in gallery.values())


def test_the_same_tables_give_the_same_svg_bytes(make):
    t = make.evaluation(1, {"train": 84, "test": 36})
    first, second = (theme.svg(discrimination.roc(t.roc, t.scores, thresholds=t.thresholds)) for _ in range(2))
    assert first == second
    table = make.nomogram()
    assert theme.svg(nomogram.nomogram(table)) == theme.svg(nomogram.nomogram(table))


def test_drawing_twice_from_one_figure_gives_the_same_bytes(gallery):
    assert theme.svg(gallery["calibration"]) == theme.svg(gallery["calibration"])
    assert theme.png(gallery["segmentation"], dpi=60) == theme.png(gallery["segmentation"], dpi=60)


def test_svg_does_not_depend_on_what_the_notebook_has_set(gallery, monkeypatch):
    plain = theme.svg(gallery["decision"])
    with matplotlib.rc_context({"svg.fonttype": "none", "font.family": "monospace", "path.simplify": False}):
        assert theme.svg(gallery["decision"]) == plain


def test_svg_ids_of_a_whole_page_are_unique_and_resolve(gallery):
    seen: set[str] = set()
    for name, figure in gallery.items():
        if "," in name or name == "segmentation":
            continue
        text = theme.svg(figure)
        ids = re.findall(r'\bid="([^"]+)"', text)
        assert len(ids) == len(set(ids))
        assert not seen & set(ids)
        seen |= set(ids)
        assert set(re.findall(r'href="#([^"]+)"|url\(#([^)]+)\)', text)) <= {(i, "") for i in ids} | {
            ("", i) for i in ids
        }


def test_svg_is_well_formed_and_holds_no_date_and_no_html(gallery):
    text = theme.svg(gallery["roc"])
    assert ElementTree.fromstring(text).tag.endswith("svg")
    assert "<dc:date>" not in text
    assert "<?xml" not in text and "<!DOCTYPE" not in text


def test_a_model_has_one_color_in_every_figure(make):
    t = make.evaluation(1, {"train": 84, "test": 36})
    drawn = [
        discrimination.roc(t.roc, t.scores),
        decision.decision(t.decision),
        panels.panels(t.scores, t.calibration, t.decision),
    ]
    for model in ("nomogram", "radiomics", "clinical", "CBF_maximum"):
        assert all(lines_of(figure, model) for figure in drawn if model == "nomogram" or figure is not drawn[2])


def test_models_differ_by_line_and_by_mark_not_by_color_alone():
    looks = [theme.model_style(m) for m in ("nomogram", "radiomics", "deep", "clinical")]
    for field in ("color", "linestyle", "marker"):
        assert len({str(look[field]) for look in looks}) == 4


def test_unknown_models_keep_their_look_and_networks_are_purple():
    assert theme.model_style("CBF_maximum") == theme.model_style("CBF_maximum")
    assert theme.model_style("CBF_maximum")["color"] not in {m[0] for m in theme.MODELS.values()}
    assert theme.model_style("network_scratch")["color"] == theme.PURPLE
    assert theme.model_style("CBF_maximum")["label"] == "CBF maximum"


@pytest.mark.parametrize("model", ["nomogram", "radiomics", "deep", "clinical", "network", "a", "b", "c", "d", "e"])
def test_words_in_a_models_color_have_contrast_on_white(model):
    def linear(c: float) -> float:
        return c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4

    r, g, b, _ = to_rgba(theme.ink(model))
    luminance = 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b)
    assert 1.05 / (luminance + 0.05) >= 4.5


def test_training_is_thin_and_test_thick():
    assert theme.line_width("train") < theme.line_width("test") == theme.line_width("external:Lyon")


def test_no_global_state_is_left(make):
    before = dict(matplotlib.rcParams)
    nomogram.nomogram(make.nomogram())
    assert dict(matplotlib.rcParams) == before
    from matplotlib import pyplot

    assert pyplot.get_fignums() == []


def test_global_state_is_restored_after_an_error():
    before = dict(matplotlib.rcParams)
    with pytest.raises(KeyError):
        nomogram.nomogram(tables.empty("nomogram").drop(columns="endpoint"))
    assert dict(matplotlib.rcParams) == before


def test_scans_are_shown_as_png_and_curves_as_svg_and_nothing_as_html(gallery):
    assert set(theme.bundle(gallery["segmentation"])) == {"image/png"}
    assert set(theme.bundle(gallery["roc"])) == {"image/svg+xml"}


def test_a_notebook_stores_one_picture_and_no_python_repr(gallery, capsys):
    from IPython.core.interactiveshell import InteractiveShell
    from IPython.utils.capture import capture_output

    shell = InteractiveShell.instance()
    try:
        theme.show_figures()
        with capture_output() as captured:
            data, _ = shell.display_formatter.format(gallery["roc"])
        assert data == {}
        assert [set(output.data) for output in captured.outputs] == [{"image/svg+xml"}]
    finally:
        InteractiveShell.clear_instance()


def test_show_figures_outside_a_notebook_does_nothing():
    theme.show_figures()


def test_tables_without_rows_give_a_figure_that_says_so():
    none = {name: tables.empty(name) for name in tables.DECLARED}
    drawn = [
        flow.participant_flow(none["cases"], none["exclusions"]),
        montage.segmentation([]),
        selection.reproducibility(none["reproducibility"], threshold=0.75),
        selection.funnel(none["funnel"]),
        selection.lasso(none["lasso"], none["lasso_path"]),
        selection.coefficients(none["selected"]),
        nomogram.nomogram(none["nomogram"]),
        discrimination.roc(none["roc"], none["scores"], thresholds=none["thresholds"]),
        discrimination.risk(none["predictions"], none["thresholds"]),
        calibration.calibration(none["calibration"], none["scores"], none["predictions"]),
        decision.decision(none["decision"]),
        readers.readers(*(none[t] for t in ("readings", "cases", "predictions", "reader_scores", "thresholds"))),
        panels.panels(none["scores"], none["calibration"], none["decision"]),
    ]
    assert all(figure.texts and theme.svg(figure) for figure in drawn)


def test_tables_of_one_row_do_not_crash(make):
    t, s = make.evaluation(1, {"test": 36}), make.selection(count=1, signatures=("radiomics",))
    t1, s1 = ({k: v.iloc[:1] for k, v in vars(x).items() if hasattr(v, "iloc")} for x in (t, s))
    drawn = [
        flow.participant_flow(t1["cases"], make.exclusions().iloc[:1], endpoints=t.endpoints),
        selection.reproducibility(s1["reproducibility"], threshold=0.75),
        selection.funnel(s1["funnel"]),
        selection.lasso(s1["lasso"], s1["lasso_path"]),
        selection.coefficients(s1["selected"]),
        nomogram.nomogram(make.nomogram().iloc[:1]),
        nomogram.nomogram(make.nomogram().iloc[:2]),
        discrimination.roc(t1["roc"], t1["scores"], thresholds=t1["thresholds"]),
        discrimination.risk(t1["predictions"], t1["thresholds"]),
        calibration.calibration(t1["calibration"], t1["scores"], t1["predictions"]),
        decision.decision(t1["decision"]),
        panels.panels(t1["scores"], t1["calibration"], t1["decision"]),
    ]
    assert all(theme.svg(figure) for figure in drawn)


def test_an_endpoint_without_a_selected_feature_is_drawn(make):
    s = make.selection(count=0, signatures=("radiomics",))
    assert theme.svg(selection.lasso(s.lasso, s.lasso_path))
    assert "No feature was selected" in selection.coefficients(s.selected).texts[0].get_text()


def test_no_two_models_of_a_run_share_a_line_whatever_they_are_called():
    try:
        theme.enlist(["wfns", "s100b", "ndka", "gos"])
        looks = [theme.model_style(m) for m in ("wfns", "s100b", "ndka", "gos")]
        for key in ("color", "linestyle", "marker"):
            assert len({str(look[key]) for look in looks}) == 4
    finally:
        theme.enlist([])
