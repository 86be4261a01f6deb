"""A page with a fault is refused, and a good one is not."""

from __future__ import annotations

import base64
import random

import pytest

from helpers.errors import RadiogramError
from helpers.reporting import inspect

DOT = '<img alt="A dot" src="data:image/png;base64,{}">'


def page(body="", head=""):
    return f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>T</title>{head}</head><body>{body}</body></html>'


@pytest.fixture
def look(tmp_path):
    def look_at(
        body="", head="", *, patients=("P0001", "STS_012", "12"), megabytes=1.0, paths=("/home/ada", "/srv/runs/demo")
    ):
        path = tmp_path / "page.html"
        path.write_text(page(body, head))
        return inspect.inspect(path, patients=patients, maximum_megabytes=megabytes, paths=paths)

    return look_at


@pytest.mark.parametrize(
    "body, what",
    [
        ("<p><strong>?meta:scores.auc</strong></p>", "an unknown number"),
        ("<p>See <strong>?@fig-roc</strong>.</p>", "an unresolved reference"),
        ("<p>See @fig-roc.</p>", "an unresolved reference"),
        ("<p>As in ??.</p>", "an unresolved reference"),
        ("<p>known (<strong>nobody2020?</strong>)</p>", "an unknown citation"),
        ("<p>{{&lt; meta x &gt;}}</p>", "an unresolved shortcode"),
        ("<p>in {cohort.patients} patients</p>", "an unfilled placeholder"),
        ("<figure><figcaption>AUC {auc}</figcaption></figure>", "an unfilled placeholder"),
        ('<script src="https://cdn.example.org/x.js"></script>', "an outside request"),
        ('<script>fetch("https://example.org/x")</script>', "an outside request"),
        ('<link rel="stylesheet" href="//cdn.example.org/x.css">', "an outside request"),
        ('<link rel="stylesheet" href="theme/page.css">', "an outside request"),
        ('<img alt="A dot" src="http://example.org/x.png">', "an outside request"),
        ('<img alt="A dot" src="notebooks/x.png">', "an outside request"),
        ('<iframe src="https://example.org"></iframe>', "an outside request"),
        ('<p style="background: url(https://example.org/x.png)">x</p>', "an outside request"),
        ("<style>@import 'https://fonts.example.org/css';</style>", "an outside request"),
        ('<style>@font-face {src: url("https://fonts.example.org/a.woff2")}</style>', "an outside request"),
        ("<p>The case of P0001 was hard.</p>", "a patient identifier"),
        ("<p>STS_012</p>", "a patient identifier"),
        ("<td>a</td><td>P0001</td><td>b</td>", "a patient identifier"),
        ("<p>P<em>00</em>01</p>", "a patient identifier"),
        ("<!-- P0001 -->", "a patient identifier"),
        ('<p title="P0001.nii.gz">x</p>', "a patient identifier"),
        ("<p>read from /home/ada/scans</p>", "a path of this machine"),
        ('<div data-notebook="/srv/runs/demo/x.ipynb"></div>', "a path of this machine"),
        (f'<img src="data:image/png;base64,{"A" * 40}">', "a picture without alternative text"),
        ('<img alt=" " src="data:image/png;base64,AAAA">', "a picture without alternative text"),
        (f"<figure>{DOT.format('AAAA')}</figure>", "a figure without a caption"),
        (f"<figure>{DOT.format('AAAA')}<figcaption> </figcaption></figure>", "a figure without a caption"),
    ],
)
def test_a_fault_is_found_and_named(look, body, what):
    assert what in {finding.what for finding in look(body)}


@pytest.mark.parametrize(
    "body",
    [
        '<p><a href="https://doi.org/10.2307/2531595">https://doi.org/10.2307/2531595</a></p>',
        "<p>12 patients, XP0001Y, P00012, ada@fig.example, 5? ?</p>",
        "<p>/home/adamant and a/home/ada</p>",
        "<pre><code>{key: value} {a.b}</code></pre>",
        f"<figure>{DOT.format('AAAA')}<figcaption>What is <em>seen</em>.</figcaption></figure>",
        "<style>a { background: url(#x) } b { background: url('data:image/png;base64,AAAA') }</style>",
        '<math xmlns="http://www.w3.org/1998/Math/MathML"></math>',
    ],
)
def test_what_is_allowed_is_not_refused(look, body):
    assert look(body) == []


def svg(content):
    drawing = f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink">{content}</svg>'
    return f'<img alt="A drawing" src="data:image/svg+xml;base64,{base64.b64encode(drawing.encode()).decode()}">'


@pytest.mark.parametrize(
    "content, what",
    [
        ("<!-- P0001 --><path d='M0 0'/>", "a patient identifier"),
        ("<text>STS_012</text>", "a patient identifier"),
        ('<image xlink:href="https://example.org/x.png"/>', "an outside request"),
        ("<!-- /home/ada/figure.py -->", "a path of this machine"),
    ],
)
def test_embedded_drawings_are_opened(look, content, what):
    assert what in {finding.what for finding in look(svg(content))}


def test_drawings_without_fault_pass(look):
    assert look(svg('<defs><path id="a" d="M0 0"/></defs><use xlink:href="#a"/>')) == []


def test_letters_of_a_picture_are_not_taken_for_a_patient(look):
    pixels = base64.b64encode(b"?").decode() + "/P0001/" + "A" * 40
    assert look(DOT.format(pixels), megabytes=1) == []


def test_a_page_that_is_too_large_is_refused(look):
    (finding,) = look(DOT.format("A" * 2_000_000), megabytes=1)
    assert finding.what == "too large" and finding.seen.startswith("2.0 MB")


@pytest.mark.slow
def test_a_page_of_15_megabytes_is_inspected_whole(tmp_path):
    letters = random.Random(0).choices("ABCDEFGHabcdefgh0123456789+/", k=1_500_000)
    body = "".join(DOT.format("".join(letters)) for _ in range(9)) + "<p>words</p>" * 50_000 + "{}"
    path = tmp_path / "page.html"
    names = [f"UCSF-PDGM-{i:04d}" for i in range(5000)]
    path.write_text(page(body.format("")))
    assert inspect.inspect(path, patients=names, maximum_megabytes=15, paths=["/home/ada"]) == []
    path.write_text(page(body.format("<p>UCSF-PDGM-4321</p>")))
    assert inspect.inspect(path, patients=names, maximum_megabytes=15, paths=["/home/ada"])


def test_the_refusal_is_one_sentence_that_counts_what_it_leaves_out(look):
    findings = look("".join(f"<p>?meta:a{i}</p>" for i in range(7)))
    with pytest.raises(RadiogramError) as refusal:
        inspect.refuse(findings)
    assert str(refusal.value).startswith("The report is refused, as its page has an unknown number (?meta:a0);")
    assert str(refusal.value).endswith("; and 2 more.")


def test_nothing_found_is_nothing_refused():
    inspect.refuse([])
