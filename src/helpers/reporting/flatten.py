"""Quarto's shortcodes (include, meta, embed) resolved as text, for Pandoc: the same files in, plain Markdown out."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from helpers.errors import RadiogramError
from helpers.reporting import notebook

INCLUDE = re.compile(r"^\{\{< include (\S+) >\}\}$", re.M)
EMBED = re.compile(r"^\{\{< embed (\S+?)#(\S+) >\}\}$", re.M)
META = re.compile(r"\{\{< meta (\S+) >\}\}")
SUFFIX = {"image/svg+xml": "svg", "image/png": "png"}


def flatten(page: Path, document: str, *, metadata: Mapping[str, Any]) -> str:
    """Markdown without shortcodes. Pictures are written beside the notebooks.

    Raises RadiogramError for a missing file, notebook or label; an unknown meta key becomes `?meta:key`, as in Quarto.
    """
    text = include(page, document)
    text = META.sub(lambda match: notebook.lookup(metadata, match[1]) or f"?meta:{match[1]}", text)
    return EMBED.sub(lambda match: embed(page, match[1], match[2]), text)


def include(page: Path, document: str, *, within: tuple[str, ...] = ()) -> str:
    """A file's text with every include, at any depth, in its place; paths start from the page's folder."""
    path = page / document
    if not path.is_file():
        raise RadiogramError(f"{within[-1] if within else 'The report'} includes {document}, which is not there.")
    if document in within:
        raise RadiogramError(f"{document} includes itself, by way of {' and '.join(within)}.")
    chain = (*within, document)
    return INCLUDE.sub(
        lambda match: include(page, match[1], within=chain).strip("\n"), path.read_text(encoding="utf-8")
    )


def embed(page: Path, path: str, label: str) -> str:
    """One labelled cell as Markdown: a picture with caption and alternative text, or a table with its caption."""
    cells = notebook.labelled(notebook.read(page / path))
    if label not in cells:
        raise RadiogramError(
            f"The report embeds {label}, which {path} does not have; its labels are {', '.join(cells)}."
        )
    said, (output,) = notebook.options(cells[label]), cells[label]["outputs"]
    ((kind, content),) = output["data"].items()
    if kind == "text/markdown":
        return f"::: {{#{label}}}\n{content.strip()}\n\n{said['tbl-cap']}\n:::"
    picture = page / "notebooks" / f"{label}.{SUFFIX[kind]}"
    picture.write_bytes(content.encode() if kind == "image/svg+xml" else base64.b64decode(content))
    width = output["metadata"].get(kind, {}).get("width")
    size = f" width={width}" if width else ""
    alt = said["fig-alt"].replace("\\", "\\\\").replace('"', '\\"')
    return f'![{said["fig-cap"]}](notebooks/{picture.name}){{#{label} fig-alt="{alt}"{size}}}'
