"""The optimism panel: every step on the figure with its number, nothing cut or overlapping, and the same said in words."""

from __future__ import annotations

import pandas as pd
import pytest

from helpers.evaluation import integrity_printed
from helpers.evaluation.permuted import OURS
from helpers.figures import recipe
from helpers.learning.common_recipe import REFIT, STEPS
from helpers.tables import DECLARED, empty


def claimed(*, endpoints=("progression",), permutations=3):
    """Areas that rise by 0.05 a step on the true labels, and by 0.1 on permuted ones."""
    rows = []
    for endpoint in endpoints:
        for number in range(permutations + 1):
            for i, step in enumerate((OURS, *STEPS)):
                area = 0.5 + 0.1 * i + 0.01 * number if number else 0.78 + 0.05 * i
                labels = "permuted" if number else "true"
                rows.append((endpoint, labels, number, step, area, 0.8, 0.7, 0.9, 36, 18))
    return pd.DataFrame(rows, columns=list(DECLARED["recipe"].names))


def unrefitted():
    table = claimed()
    return table[table["step"] != REFIT]


@pytest.mark.parametrize(
    "table",
    [claimed(), unrefitted(), claimed(endpoints=("idh", "ki67")), claimed(permutations=0), claimed(permutations=1)],
)
def test_nothing_is_cut_or_overlaps(table, layout):
    assert not layout.faults(recipe.dumbbell(table))


def test_every_step_and_number_is_on_the_figure(layout):
    told = layout.told(recipe.dumbbell(claimed()))
    assert all(words in told for words in integrity_printed.STEP_WORDS.values())
    assert "0.98" in told and "0.52 [0.51 to 0.53]" in told and "wrong on purpose" in told


def test_without_a_test_part_the_figure_says_so(layout):
    assert "No test part" in layout.told(recipe.dumbbell(empty("recipe")))
    assert recipe.alt(empty("recipe")).startswith("No figure")


def test_the_alternative_text_gives_the_numbers():
    told = recipe.alt(claimed())
    assert "progression, true labels" in told.lower() and "best of many splits 0.98" in told
    assert "permuted labels: AUC ours, nothing leaked 0.52" in told


def test_the_table_holds_both_labels():
    printed = integrity_printed.recipe(claimed())
    assert printed["What was done"].tolist() == list(integrity_printed.STEP_WORDS.values())
    assert printed["AUC"].tolist()[0] == "0.78" and printed.iloc[0, -2] == "0.52 (0.51 to 0.53)"
    assert set(integrity_printed.recipe(claimed(permutations=0)).iloc[:, -1]) == {"–"}
    told = integrity_printed.claimed(claimed())
    assert told.startswith("where ours reached an AUC of 0.78, the recipe would have claimed 0.98; on permuted labels")
