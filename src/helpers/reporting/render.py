"""From a staged page to one HTML file, by Quarto where it is installed and by Pandoc where it is not."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from html import unescape
from pathlib import Path
from typing import Any, Literal

import yaml

from helpers.errors import RadiogramError
from helpers.reporting.flatten import flatten
from helpers.tables import write_whole

Renderer = Literal["auto", "quarto", "pandoc"]


def render(page: Path, *, renderer: Renderer, out: Path) -> str:
    """Render page/report.qmd to `out`, whole or not at all; returns the renderer's name and version.

    Raises RadiogramError when Quarto is asked for and absent, and when the document cannot be rendered.
    """
    quarto = find_quarto()
    if renderer == "quarto" and quarto is None:
        raise RadiogramError(
            "report.renderer is quarto, but Quarto is not installed: install it, or set report.renderer=auto."
        )
    if quarto is not None and renderer != "pandoc":
        name = f"Quarto {_version(quarto)}"
        html = _quarto(page, quarto, name=name)
    else:
        name = f"Pandoc {_pandoc_version()}"
        html = _pandoc(page, name=name)
    write_whole(out, lambda beside: beside.write_text(finished(html), encoding="utf-8"))
    return name


def find_quarto() -> str | None:
    """The program that the environment variable QUARTO_PATH names, else `quarto` on the path."""
    named = os.environ.get("QUARTO_PATH")
    if named and not Path(named).is_file():
        raise RadiogramError(f"QUARTO_PATH names {named}, where there is no program: correct it or unset it.")
    return named or shutil.which("quarto")


def _quarto(page: Path, quarto: str, *, name: str) -> str:
    target = page / "quarto.html"
    command = [quarto, "render", "report.qmd", "--to", "html", "--output", target.name, "-M", f"renderer:{name}"]
    result = subprocess.run(command, cwd=page, capture_output=True, text=True, check=False)
    if result.returncode or not target.is_file():
        raise RadiogramError(f"Quarto could not render the report: {_reason(result.stderr)}")
    return _taken(target)


def _pandoc(page: Path, *, name: str) -> str:
    """The same document, configuration and stylesheet, with our filters for what Quarto does itself."""
    import pypandoc

    settings = _settings(page)
    look = settings["format"]["html"]
    metadata = {key: value for name in settings["metadata-files"] for key, value in _yaml(page / name).items()}
    (page / "report.md").write_text(flatten(page, "report.qmd", metadata=metadata), encoding="utf-8")
    target = page / "pandoc.html"
    command = [
        pypandoc.get_pandoc_path(), "report.md", "--from", "markdown", "--to", "html5", "--output", target.name,
        "--standalone", "--embed-resources", "--section-divs=false", "--mathml", "--number-sections", "--wrap=preserve",
        f"--template={look['template']}", f"--css={look['css']}", "--toc", f"--toc-depth={look['toc-depth']}",
        f"--shift-heading-level-by={settings['shift-heading-level-by']}",
        *[f"--metadata-file={name}" for name in ("_quarto.yml", *settings["metadata-files"])],
        f"--metadata=renderer:{name}",
        "--lua-filter=filters/notices.lua", "--lua-filter=filters/references.lua", "--citeproc", "--lua-filter=filters/frames.lua",
    ]  # fmt: skip
    result = subprocess.run(command, cwd=page, capture_output=True, text=True, check=False)
    if result.returncode:
        raise RadiogramError(f"Pandoc could not render the report: {_reason(result.stderr)}")
    return _taken(target)


def _settings(page: Path) -> dict[str, Any]:
    return _yaml(page / "_quarto.yml")


def _yaml(path: Path) -> dict[str, Any]:
    return yaml.safe_load(path.read_text(encoding="utf-8")) or {}


def _taken(path: Path) -> str:
    text = path.read_text(encoding="utf-8")
    path.unlink()
    return text


def finished(html: str) -> str:
    """What both renderers leave undone: the declared encoding, and alternative texts as `alt`.

    Pandoc turns the alternative text of an embedded picture into `aria-label`; browsers that cannot show the
    picture, and most checkers, look for `alt`.
    """
    if not re.search(r"<meta charset", html[:2000], re.I):
        html = html.replace("<head>", '<head><meta charset="utf-8">', 1)
    return re.sub(r'<img role="img" aria-label=("[^"]*")([^>]*)>', _with_alt, html)


def _with_alt(match: re.Match[str]) -> str:
    alt = "" if re.search(r'\salt="', match[2]) else f" alt={match[1]}"
    return f"<img{alt}{match[2]}>"


def _reason(errors: str) -> str:
    """The line of a renderer's complaint that says what is wrong."""
    lines = [re.sub(r"\x1b\[[0-9;]*m", "", line).strip() for line in errors.splitlines()]
    telling = [line for line in lines if re.search(r"error|not found|could not|unable", line, re.I)]
    return unescape((telling or [line for line in lines if line] or ["no reason was given"])[0])[:400]


def _version(quarto: str) -> str:
    try:
        result = subprocess.run([quarto, "--version"], capture_output=True, text=True, check=True, timeout=60)
    except (OSError, subprocess.SubprocessError) as error:
        raise RadiogramError(
            f"Quarto at {quarto} does not run ({error}): repair it, or set report.renderer=pandoc."
        ) from error
    return result.stdout.strip()


def _pandoc_version() -> str:
    import pypandoc

    return str(pypandoc.get_pandoc_version())
