"""The last look at a rendered page: what must not leave the house with it, and what must not be missing from it."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote_to_bytes

from helpers.errors import RadiogramError

DATA = re.compile(r"""data:([\w/+.-]+)((?:;[\w=.-]+)*?)(?:;base64,([A-Za-z0-9+/=%]*)|,([^"'<>\s)]*))""")
# Elements that fetch what an attribute names; a plain link (<a href>) fetches nothing until somebody follows it.
FETCHING = {
    "script": ("src",), "link": ("href",), "img": ("src", "srcset"), "iframe": ("src",), "embed": ("src",), "object": ("data",),
    "source": ("src", "srcset"), "video": ("src", "poster"), "audio": ("src",), "track": ("src",), "input": ("src",),
    "image": ("href", "xlink:href"), "use": ("href", "xlink:href"), "feimage": ("href", "xlink:href"), "base": ("href",),
    "form": ("action",),
}  # fmt: skip
IN_STYLE = re.compile(r"""(?:url\(\s*|@import\s+)['"]?\s*((?!#|data:|data…)[^'")\s;]+)""", re.I)
IN_SCRIPT = re.compile(r"(?:https?:)?//[\w-]+\.[\w.-]+")
MARKS = {
    "an unknown number": re.compile(r"\?meta:[\w.:-]*"),
    "an unresolved reference": re.compile(r"\?\?|\?@[\w-]+|(?<![\w@.])@(?:fig|tbl|sec|eq)-[\w-]+"),
    "an unknown citation": re.compile(r"\([\w.:-]+\?\)"),
    "an unresolved shortcode": re.compile(r"\{\{<.*?(?:>\}\}|$)", re.M),
    "an unfilled placeholder": re.compile(r"\{[A-Za-z]\w*(?:\.[\w:-]+)*\}"),
}
WORD = re.compile(r"\w+")
SILENT = {"script", "style"}
CODE = {"pre", "code"}
INLINE = {"a", "b", "code", "em", "i", "mark", "small", "span", "strong", "sub", "sup", "tspan", "u", "wbr"}
VOID = {"img", "br", "hr", "meta", "link", "input", "source", "col", "area", "base", "embed", "track", "wbr"}


@dataclass(frozen=True)
class Finding:
    """One thing wrong with a page: what it is, and the words or address it was seen in."""

    what: str
    seen: str

    def __str__(self) -> str:
        return f"{self.what} ({self.seen})"


def inspect(
    html: Path, *, patients: Sequence[str], maximum_megabytes: float, paths: Sequence[str | Path] = ()
) -> list[Finding]:
    """Everything that forbids handing the page on; empty when there is nothing.

    patients: identifiers of patients and cases. paths: folders of this machine that must not be named. Embedded
    pictures are opened where they are SVG and skipped where they are pixels, so that random letters of base64 are
    never taken for words.
    """
    content = html.read_text(encoding="utf-8")
    megabytes = len(content.encode()) / 1e6
    page, drawings = _without_data(content)
    seen = _Reader()
    seen.feed(page)
    seen.close()
    found = []
    if megabytes > maximum_megabytes:
        found.append(
            Finding(
                "too large", f"{megabytes:.1f} MB, more than the {maximum_megabytes:g} MB of report.maximum_megabytes"
            )
        )
    found += [Finding(what, match[0][:80]) for what, pattern in MARKS.items() for match in pattern.finditer(seen.prose)]
    found += [Finding("an outside request", address[:120]) for address in [*seen.requests, *_requests_of(drawings)]]
    found += seen.faults
    everything = "\n".join([seen.text, seen.silent, *seen.values, *drawings])
    found += [Finding("a patient identifier", name) for name in _named(everything, patients)]
    found += [Finding("a path of this machine", path) for path in _paths_in(everything, paths)]
    return list(dict.fromkeys(found))


def refuse(findings: Sequence[Finding]) -> None:
    """Raises RadiogramError naming the first findings, when there are any."""
    if findings:
        shown = "; ".join(map(str, findings[:5]))
        more = f"; and {len(findings) - 5} more" if len(findings) > 5 else ""
        raise RadiogramError(f"The report is refused, as its page has {shown}{more}.")


def _without_data(content: str) -> tuple[str, list[str]]:
    """The page with the content of every data address taken out, and the text of those that are SVG or CSS."""
    drawings: list[str] = []

    def empty(match: re.Match[str]) -> str:
        if match[1] in ("image/svg+xml", "text/css", "text/html", "application/json"):
            raw = unquote_to_bytes(match[4] or "") if match[3] is None else base64.b64decode(unquote_to_bytes(match[3]))
            drawings.append(raw.decode("utf-8", errors="replace"))
        return "data…"

    return DATA.sub(empty, content), drawings


@dataclass
class _Reader(HTMLParser):
    """Text, attributes and fetched addresses of a page, and pictures and figures that lack their words."""

    text: str = ""
    prose: str = ""
    silent: str = ""
    values: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    faults: list[Finding] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.pieces: dict[str, list[str]] = {"text": [], "prose": [], "silent": []}
        self.open: list[str] = []
        self.captioned: list[bool] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attributes}
        self._part(tag)
        self.values += [value for value in given.values() if value]
        self.requests += _fetched(tag, given)
        if tag == "img" and not given.get("alt", "").strip():
            self.faults.append(
                Finding("a picture without alternative text", given.get("id") or given.get("src", "")[:40])
            )
        if tag == "figure":
            self.captioned.append(False)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attributes)
        if tag not in VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        self._part(tag)
        if tag == "figure" and self.captioned and not self.captioned.pop():
            self.faults.append(Finding("a figure without a caption", "its figcaption is missing or empty"))
        if tag in self.open:
            while self.open.pop() != tag:
                pass

    def _part(self, tag: str) -> None:
        """Keep the words of two blocks apart, and a word that is partly emphasized together."""
        if tag not in INLINE:
            self.pieces["text"].append("\n")
            self.pieces["prose"].append("\n")

    def handle_data(self, data: str) -> None:
        here = set(self.open)
        if "figcaption" in here and data.strip() and self.captioned:
            self.captioned[-1] = True
        if here & SILENT:
            self.pieces["silent"].append(data)
            self.requests += _asked_by(data, style="style" in here)
            return
        self.pieces["text"].append(data)
        if not here & CODE:
            self.pieces["prose"].append(data)

    def handle_comment(self, data: str) -> None:
        self.pieces["silent"].append(data)

    def close(self) -> None:
        super().close()
        self.text, self.prose, self.silent = ("".join(self.pieces[name]) for name in ("text", "prose", "silent"))


def _fetched(tag: str, given: dict[str, str]) -> list[str]:
    """Addresses that showing this element asks the network for."""
    asked = [given[name] for name in FETCHING.get(tag, ()) if name in given]
    outside = [address for address in asked if not re.match(r"\s*(data…|#|data:|$)", address)]
    return outside + _asked_by(given.get("style", ""), style=True)


def _asked_by(code: str, *, style: bool) -> list[str]:
    pattern = IN_STYLE if style else IN_SCRIPT
    return [match[1] if style else match[0] for match in pattern.finditer(code)]


def _requests_of(drawings: Iterable[str]) -> list[str]:
    """Addresses that an embedded drawing would fetch; names of vocabularies (xmlns) are no addresses."""
    found = []
    for drawing in drawings:
        reader = _Reader()
        reader.feed(drawing)
        found += reader.requests
    return found


def _named(text: str, names: Sequence[str]) -> list[str]:
    """Identifiers that stand in the text as words of their own.

    A number of fewer than five digits, and a single letter, cannot be told from the numbers and letters of any
    report and are not looked for.
    """
    words = set(WORD.findall(text))
    found = []
    for name in dict.fromkeys(map(str, names)):
        telling = not (name.isdigit() and len(name) < 5) and len(name) > 1
        if telling and set(WORD.findall(name)) <= words and re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text):
            found.append(name)
    return found


def _paths_in(text: str, paths: Sequence[str | Path]) -> list[str]:
    given = dict.fromkeys(str(path).rstrip("/") for path in paths)
    return [path for path in given if len(path) > 1 and re.search(rf"(?<![\w./~-]){re.escape(path)}(?![\w.-])", text)]
