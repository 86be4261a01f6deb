"""The real command on published data prints the published figures in its report: aSAH (pROC) and Van Dyke (MRMCaov)."""

from __future__ import annotations

import html
import os
import re
import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow
MINUS = "\N{MINUS SIGN}"


def evaluate(folder, *arguments):
    """Run the command in a process of its own; the words of its report, and the rows of its tables."""
    program = [sys.executable, "-c", "from helpers.cli import main; main()", "evaluate", *map(str, arguments)]
    environment = {name: value for name, value in os.environ.items() if name != "RADIOGRAM_RUNS"}
    settings = ["--out", str(folder), "--set", "report.renderer=pandoc"]
    done = subprocess.run([*program, *settings], env=environment, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stderr[-2000:]
    return Page((folder / "report.html").read_text(encoding="utf-8"))


class Page:
    """A report as a reader meets it: running text with single spaces, and table rows as tuples of cells."""

    def __init__(self, content: str) -> None:
        content = re.sub(r"<(style|script|svg).*?</\1>", "", content, flags=re.S)
        self.text = self._words(content)
        rows = re.findall(r"<tr[^>]*>(.*?)</tr>", content, flags=re.S)
        self.rows = [tuple(map(self._words, re.findall(r"<t[dh][^>]*>(.*?)</t[dh]>", row, flags=re.S))) for row in rows]

    @staticmethod
    def _words(content: str) -> str:
        return " ".join(html.unescape(re.sub(r"<[^>]+>", "", content)).split())

    def row(self, *begins: str) -> tuple[str, ...]:
        """The first row whose first cells are these, in whatever case."""
        wanted = tuple(map(str.lower, begins))
        return next(row for row in self.rows if tuple(map(str.lower, row[: len(begins)])) == wanted)


@pytest.fixture(scope="module")
def asah(tmp_path_factory, shared_data):
    folder = tmp_path_factory.mktemp("published") / "asah"
    table = shared_data / "statistics" / "aSAH.csv"
    return evaluate(folder, table, "--truth", "outcome=Poor", "--models", "wfns,s100b,ndka")


@pytest.fixture(scope="module")
def vandyke(tmp_path_factory, shared_data):
    folder = tmp_path_factory.mktemp("published") / "vandyke"
    return evaluate(folder, shared_data / "readers" / "VanDyke.csv", "--set", "readers.call_at=3")


def test_asah_areas_have_the_published_intervals(asah):
    assert asah.row("AUC")[1:] == ("0.82 (0.75 to 0.90)", "0.73 (0.63 to 0.83)", "0.61 (0.50 to 0.72)")


@pytest.mark.parametrize(
    "pair, difference, p, holm",
    [
        (("wfns", "s100b"), "0.09 (0.01 to 0.17)", "0.027", "0.054"),
        (("wfns", "ndka"), "0.21", "0.0051", "0.015"),
        (("s100b", "ndka"), f"0.12 ({MINUS}0.05 to 0.29)", "0.16", "0.16"),
    ],
)
def test_asah_comparisons_have_the_published_p_values(asah, pair, difference, p, holm):
    row = next(r for r in asah.rows if len(r) > 5 and MINUS in r[1] and all(name in r[1].lower() for name in pair))
    assert row[3].startswith(difference) and row[4:6] == (p, holm)


def test_asah_global_test_is_the_published_one(asah):
    row = next(r for r in asah.rows if len(r) > 5 and r[1].lower() == "all models")
    assert "12.5" in row[3] and "2 df" in row[3] and row[4] == "0.0019"


def test_asah_says_what_the_table_did_not_state(asah):
    assert "the table names no patients" in asah.text and "the table states no parts" in asah.text


def test_van_dyke_is_answered_in_plain_words_first(vandyke):
    assert "94 times in 100 in condition 2 and 90 times in 100 in condition 1" in vandyke.text
    assert f"0.044, 95 % CI {MINUS}0.0003 to 0.088; P = 0.051" in vandyke.text


def test_van_dyke_reader_areas_are_the_published_ones_and_none_is_perfect(vandyke):
    areas = {
        condition: [vandyke.row(f"reader {j}", f"condition {condition}")[2].split(" ")[0] for j in range(1, 6)]
        for condition in (1, 2)
    }
    assert areas == {1: ["0.92", "0.86", "0.90", "0.97", "0.83"], 2: ["0.95", "0.91", "0.92", "0.999", "0.93"]}


def test_van_dyke_modality_means_have_the_published_limits(vandyke):
    assert vandyke.row("mean of readers", "condition 1")[2] == "0.897 (0.825 to 0.969)"
    assert vandyke.row("mean of readers", "condition 2")[2] == "0.941 (0.894 to 0.987)"


@pytest.mark.parametrize(
    "analysis, interval, p",
    [
        ("random readers", f"0.044 ({MINUS}0.0003 to 0.088)", "0.051"),
        ("fixed readers", "0.044 (0.007 to 0.080)", "0.019"),
        ("fixed cases", "0.044 (0.003 to 0.085)", "0.042"),
    ],
)
def test_van_dyke_has_all_three_published_analyses(vandyke, analysis, interval, p):
    row = next(r for r in vandyke.rows if r[:2] == ("Mean of readers", "AUC") and r[-1].endswith(analysis))
    assert row[2:4] == (interval, p)


def test_van_dyke_leads_with_random_readers(vandyke):
    first = next(r for r in vandyke.rows if r[:2] == ("Mean of readers", "AUC") and "Obuchowski" in r[-1])
    assert first[-1] == "Obuchowski-Rockette, random readers"
