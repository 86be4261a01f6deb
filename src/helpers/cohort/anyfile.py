"""A table out of any file: text with any delimiter, gzipped or not, parquet or a workbook, told by content, not by name."""

from __future__ import annotations

import csv
import gzip
import io
import re
import zlib
from collections.abc import Callable
from pathlib import Path
from zipfile import BadZipFile

import pandas as pd

from helpers.cohort.manifest import MISSING, Sheet
from helpers.errors import CaseError

SUFFIXES = (".csv", ".tsv", ".gz", ".parquet", ".xlsx")
GZIP, PARQUET, ZIP, OLD_EXCEL = b"\x1f\x8b", b"PAR1", b"PK\x03\x04", b"\xd0\xcf\x11\xe0"
DECIMAL_COMMA = re.compile(r"(?<![\d.,])-?\d+,\d+(?![\d.,])")
UNREADABLE = (OSError, EOFError, ValueError, KeyError, TypeError, IndexError, zlib.error, BadZipFile, csv.Error)


def tables_in(place: Path) -> tuple[list[Path], list[str]]:
    """Files of a folder (or the one file) that may be tables, by name, and the names of the others; hidden files are neither."""
    if place.is_file():
        return [place], []
    files = sorted(path for path in place.iterdir() if path.is_file() and not path.name.startswith("."))
    tables = [path for path in files if path.suffix.lower() in SUFFIXES]
    return tables, [path.name for path in files if path not in tables]


def read(path: Path, *, text: Callable[[str], bool] = lambda name: False) -> Sheet:
    """The table of a file, its columns named apart, and what was read differently from how it was written.

    Columns of text files that `text` says yes to stay as they are written, so that 007 stays 007. Raises CaseError when
    there is no table in it.
    """
    try:
        content = path.read_bytes()
        if content.startswith(GZIP):
            content = gzip.decompress(content)
        if not content.strip():
            raise CaseError("the file is empty")
        frame, notes = _parsed(content, text)
    except UNREADABLE as error:
        told = (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
        raise CaseError(f"the file cannot be read as a table ({told})") from error
    if frame.empty:
        raise CaseError("the file holds no rows below its header")
    return Sheet(_named_apart(frame, notes), tuple(notes))


def _parsed(content: bytes, text: Callable[[str], bool]) -> tuple[pd.DataFrame, list[str]]:
    if content.startswith(PARQUET):
        frame = pd.read_parquet(io.BytesIO(content))
        return (frame if isinstance(frame.index, pd.RangeIndex) else frame.reset_index()), []
    if content.startswith(OLD_EXCEL):
        raise CaseError("it is a workbook of an old Excel: save it as .xlsx or CSV")
    if content.startswith(ZIP):
        return _workbook(content), []
    return _text(content, text)


def _workbook(content: bytes) -> pd.DataFrame:
    """The first sheet of an Excel workbook."""
    try:
        return pd.read_excel(io.BytesIO(content), engine="openpyxl")
    except ImportError as error:
        raise CaseError(
            "reading a workbook needs the package openpyxl: install it, or save the table as CSV"
        ) from error


def _text(content: bytes, kept: Callable[[str], bool]) -> tuple[pd.DataFrame, list[str]]:
    text, notes = _decoded(content)
    header, _, body = text.partition("\n")
    delimiter = max(",;\t|", key=header.count)
    comma = delimiter != "," and bool(DECIMAL_COMMA.search(body))
    if delimiter != ",":
        notes.append(f"separated by {'tabs' if delimiter == chr(9) else delimiter!r}")
    if comma:
        notes.append("decimals are written with a comma")
    options = {"sep": delimiter, "decimal": "," if comma else ".", "low_memory": False, "skipinitialspace": True}
    names = next(csv.reader([header.rstrip("\r")], delimiter=delimiter), [])
    options["dtype"] = {name: str for name in names if kept(name.strip())}
    absent = sorted({form for word in MISSING for form in (word, word.upper(), word.capitalize())})
    frame = pd.read_csv(io.StringIO(text), na_values=absent, **options)
    if not isinstance(frame.index, pd.RangeIndex):
        # More cells than names: either names of rows, as R writes them, or a delimiter at the end of every line.
        if frame.iloc[:, -1].isna().all():
            frame = pd.read_csv(io.StringIO(text), na_values=absent, index_col=False, **options)
        else:
            frame = frame.reset_index(drop=True)
            notes.append("row names were left out")
    return frame, notes


def _decoded(content: bytes) -> tuple[str, list[str]]:
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return content.decode("utf-16"), ["written in UTF-16"]
    try:
        return content.decode("utf-8-sig"), []
    except UnicodeDecodeError:
        return content.decode("cp1252", errors="replace"), ["not UTF-8, read as Windows-1252"]


def _named_apart(frame: pd.DataFrame, notes: list[str]) -> pd.DataFrame:
    """Columns as text without spaces around, a name's second column with .1 behind it, as pandas reads CSV."""
    names, held = [], set()
    for name in (str(column).strip() for column in frame.columns):
        number, own = 1, name
        while own in held:
            own, number = f"{name}.{number}", number + 1
        held.add(own)
        names.append(own)
    twice = sum(1 for name in names if (stem := re.sub(r"\.\d+$", "", name)) != name and stem in held)
    if twice:
        notes.append(f"{twice} column{'s have' if twice > 1 else ' has'} the name of another")
    return frame.set_axis(pd.Index(names, dtype=object), axis=1)
