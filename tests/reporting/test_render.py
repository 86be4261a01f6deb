"""Both renderers make the same page from the same files."""

from __future__ import annotations

import re
import shutil
import subprocess
from html.parser import HTMLParser

import pytest

from helpers.errors import RadiogramError
from helpers.reporting import inspect, render
from helpers.reporting.flatten import embed, flatten

BLOCKS = {
    "p",
    "li",
    "tr",
    "td",
    "th",
    "h2",
    "h3",
    "figcaption",
    "div",
    "summary",
    "figure",
    "table",
    "section",
    "br",
    "blockquote",
}


class Main(HTMLParser):
    """Plain text, pictures, identifiers and links of <main>."""

    def __init__(self):
        super().__init__()
        self.inside, self.text, self.pictures, self.anchors, self.links = False, [], [], [], []

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        self.inside |= tag == "main"
        if self.inside:
            self.text += [" "] if tag in BLOCKS else []
            self.pictures += [(given.get("alt"), given["src"], given.get("width"))] if tag == "img" else []
            self.anchors += [given["id"]] if re.match(r"(fig|tbl|sec|ref)-(?!.*-caption-)", given.get("id", "")) else []
            self.links += [given["href"]] if tag == "a" else []

    def handle_endtag(self, tag):
        self.text += [" "] if tag in BLOCKS else []
        self.inside &= tag != "main"

    def handle_data(self, data):
        if self.inside:
            self.text.append(data)


def read(path):
    main = Main()
    main.feed(path.read_text())
    main.words = " ".join("".join(main.text).split())
    return main


@pytest.fixture(scope="session")
def by_pandoc(page):
    out = page.parent / "pandoc.html"
    assert render.render(page, renderer="pandoc", out=out).startswith("Pandoc 3")
    return out


@pytest.fixture(scope="session")
def by_quarto(page, tmp_path_factory):
    if render.find_quarto() is None:
        pytest.skip("Quarto is not installed here (QUARTO_PATH names one elsewhere)")
    copy = tmp_path_factory.mktemp("quarto") / "page"
    shutil.copytree(page, copy)
    out = copy.parent / "quarto.html"
    assert render.render(copy, renderer="auto", out=out).startswith("Quarto 1")
    return out


def test_figures_tables_and_sections_are_numbered_and_referred_to(by_pandoc, making):
    main = read(by_pandoc)
    assert "Figure 2 shows who came in" in main.words and "Figure 2. What fig-flow shows in 60 patients" in main.words
    assert "Table 1. What tbl-exclusions shows" in main.words and "5.3 Are its risks right?" in main.words
    elsewhere = {"fig-panels-aided", "fig-decision-adjusted"}  # of sections that this report does not have
    labels = {label for labels in making.labels.values() for label in labels} - elsewhere
    assert labels <= set(main.anchors) and {f"#{label}" for label in labels} <= set(main.links)


def test_every_link_within_the_page_leads_somewhere(by_pandoc):
    text = by_pandoc.read_text()
    inner = set(re.findall(r'href="#([^"]+)"', text))
    assert inner <= set(re.findall(r'\bid="([^"]+)"', text))


def test_pictures_carry_their_alternative_text_and_their_size(by_pandoc):
    pictures = read(by_pandoc).pictures
    assert ('A curve of fig-roc; "AUC" 0.84 (0.73 to 0.93), x < y.') in [alt for alt, _, _ in pictures]
    assert [width for alt, src, width in pictures if src.startswith("data:image/png")] == ["192"]


def test_works_cited_are_listed(by_pandoc):
    main = read(by_pandoc)
    assert "DeLong et al. 1988" in main.words and "ref-delong1988" in main.anchors


def test_the_page_says_who_rendered_it(by_pandoc):
    assert re.search(r"Rendered by Pandoc 3[\d.]* from the executed notebooks of study trial", by_pandoc.read_text())


def test_the_page_passes_its_inspection(by_pandoc):
    assert (
        inspect.inspect(
            by_pandoc, patients=["P0001", "P9999"], maximum_megabytes=15, paths=["/secret", by_pandoc.parent]
        )
        == []
    )


def test_the_page_needs_no_script(by_pandoc):
    assert "<script" not in by_pandoc.read_text()


def test_quarto_and_pandoc_make_the_same_page(by_quarto, by_pandoc):
    quarto, pandoc = read(by_quarto), read(by_pandoc)
    assert quarto.words == pandoc.words
    assert quarto.pictures == pandoc.pictures
    assert sorted(quarto.anchors) == sorted(pandoc.anchors)
    assert quarto.links == pandoc.links


def test_quarto_s_page_passes_its_inspection_and_needs_no_script(by_quarto):
    assert "<script" not in by_quarto.read_text() and '<meta charset="utf-8">' in by_quarto.read_text()
    folders = ["/secret", by_quarto.parent]
    assert inspect.inspect(by_quarto, patients=["P0001"], maximum_megabytes=15, paths=folders) == []


@pytest.fixture
def small(tmp_path, house):
    """A page of a few lines, in the project's configuration."""

    def write(text, **files):
        page = tmp_path / "page"
        for name in ("filters", "theme"):
            shutil.copytree(house / "reports" / name, page / name)
        for name in ("_quarto.yml", "references.bib"):
            shutil.copy2(house / "reports" / name, page / name)
        files = {
            "report.qmd": text,
            "numbers.yml": "score: {auc: '0.84 (0.73 to 0.93)'}",
            "generated/page.yml": "title: T",
            **files,
        }
        for name, content in files.items():
            (page / name).parent.mkdir(parents=True, exist_ok=True)
            (page / name).write_text(content)
        return page

    return write


def rendered(page, renderer="pandoc"):
    render.render(page, renderer=renderer, out=page / "out.html")
    return page / "out.html"


def test_an_unknown_number_and_reference_are_left_for_the_inspection_to_find(small):
    out = rendered(small("AUC {{< meta score.auc >}}, {{< meta score.none >}} and @fig-none.\n"))
    assert "AUC 0.84 (0.73 to 0.93), ?meta:score.none" in read(out).words
    found = {finding.what for finding in inspect.inspect(out, patients=[], maximum_megabytes=1)}
    assert found == {"an unknown number", "an unresolved reference"}


def test_an_unknown_citation_is_found(small):
    out = rendered(small("As is known [@nobody2020].\n"))
    assert "an unknown citation" in {finding.what for finding in inspect.inspect(out, patients=[], maximum_megabytes=1)}


def test_callouts_become_boxes_with_their_title(small):
    html = rendered(small("::: {.callout-warning}\n## Careful\nWords.\n:::\n")).read_text()
    assert re.search(r'<div class="notice warning">\s*<p><strong>Careful</strong></p>\s*<p>Words.</p>', html)


def test_references_in_a_row_and_without_a_name(small):
    page = small(
        "# One {#sec-one}\n\n# Two {#sec-two}\n\n## Three {#sec-three}\n\nSee [@sec-one; @sec-three] and [-@sec-two].\n"
    )
    assert "See Section 1, Section 2.1 and 2." in read(rendered(page)).words


EVERYTHING = """
# One {#sec-one}

::: {.callout-tip title="A *word*"}
Inside.
:::

See [@sec-one; @sec-two], [-@fig-own], @tbl-own, @tbl-div and "quotes" -- as known [@delong1988, p. 3].[^1]

![Own [picture]{.smallcaps}.](own.svg){#fig-own fig-alt="A line"}

| a | b |
|:--|--:|
| 1 | 2 |

: Own table {#tbl-own}

## Two {#sec-two}

::: {#tbl-div}
| a | b |
|:--|--:|
| 3 | 4 |

Table in a box.
:::

The AUC is {{< meta score.auc >}}; $x^2$.

[^1]: A footnote.

# References {.unnumbered}

::: {#refs}
:::
"""


def test_everything_a_study_of_one_s_own_may_write_reads_the_same_in_both(small):
    if render.find_quarto() is None:
        pytest.skip("Quarto is not installed here (QUARTO_PATH names one elsewhere)")
    drawing = '<svg xmlns="http://www.w3.org/2000/svg" width="10" height="10"><path d="M0 0 L9 9"/></svg>'
    page = small(EVERYTHING, **{"own.svg": drawing})
    pandoc, quarto = read(rendered(page)), read(rendered(page, renderer="quarto"))
    assert "See Section 1, Section 1.1, 1, Table 1, Table 2 and" in pandoc.words
    assert quarto.words == pandoc.words and quarto.links == pandoc.links and quarto.pictures == pandoc.pictures


def test_included_files_include_others(small):
    page = small(
        "{{< include a.md >}}\n", **{"a.md": "A\n\n{{< include b.md >}}\n", "b.md": "B {{< meta score.auc >}}\n"}
    )
    assert flatten(page, "report.qmd", metadata={"score": {"auc": "0.9"}}).split() == ["A", "B", "0.9"]


@pytest.mark.parametrize(
    "files, words",
    [
        ({}, "report.qmd includes a.md, which is not there"),
        ({"a.md": "{{< include report.qmd >}}\n"}, "report.qmd includes itself"),
        ({"a.md": "{{< embed notebooks/1.ipynb#fig-x >}}\n"}, "Notebook 1.ipynb has not been executed"),
    ],
)
def test_what_cannot_be_included_is_named(small, files, words):
    with pytest.raises(RadiogramError, match=words):
        rendered(small("{{< include a.md >}}\n", **files))


def test_a_label_that_no_cell_has_is_named(page):
    with pytest.raises(RadiogramError, match="embeds fig-rox, which .*06_statistics.ipynb does not have; .*fig-roc"):
        embed(page, "notebooks/06_statistics.ipynb", "fig-rox")


def test_what_pandoc_cannot_read_is_an_error_and_leaves_no_page(small):
    page = small("Text.\n", **{"filters/notices.lua": "not lua"})
    with pytest.raises(RadiogramError, match="Pandoc could not render the report: .*notices.lua"):
        rendered(page)
    assert not (page / "out.html").exists()


def test_quarto_asked_for_and_absent_is_an_error(small, monkeypatch):
    monkeypatch.delenv("QUARTO_PATH", raising=False)
    monkeypatch.setattr(render.shutil, "which", lambda name: None)
    with pytest.raises(RadiogramError, match="report.renderer is quarto, but Quarto is not installed"):
        rendered(small("Text.\n"), renderer="quarto")


def test_without_quarto_auto_takes_pandoc(small, monkeypatch):
    monkeypatch.delenv("QUARTO_PATH", raising=False)
    monkeypatch.setattr(render.shutil, "which", lambda name: None)
    assert "Rendered by Pandoc" in rendered(small("Text.\n"), renderer="auto").read_text()


def test_a_quarto_path_that_leads_nowhere_is_an_error(monkeypatch, tmp_path):
    monkeypatch.setenv("QUARTO_PATH", str(tmp_path / "none"))
    with pytest.raises(RadiogramError, match="QUARTO_PATH names .*none"):
        render.find_quarto()


def test_the_page_opens_in_a_browser_without_a_word_on_the_console(by_pandoc, tmp_path):
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("no Chromium here")
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync",
             "--disable-component-update", "--enable-logging=stderr", f"--user-data-dir={tmp_path}", "--dump-dom",
             "--host-resolver-rules=MAP * ~NOTFOUND"]  # fmt: skip
    done = subprocess.run(
        [chromium, *flags, by_pandoc.as_uri()], capture_output=True, text=True, timeout=60, check=True
    )
    assert "Figure 1." in done.stdout.replace("\xa0", " ").replace("&nbsp;", " ")
    assert not [line for line in done.stderr.splitlines() if "CONSOLE" in line or "net::" in line]
