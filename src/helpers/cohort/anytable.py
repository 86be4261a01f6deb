"""A bare table of features for modeling: which column is the outcome, which name patients, and which are features."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from helpers import prose
from helpers.cohort import anyfile
from helpers.errors import CaseError

# In this order, letters and digits alone: a column of this name tells patients apart, and is no feature.
PATIENTS = ("patient", "patientid", "patientname", "subject", "subjectid", "pid", "mrn", "case", "caseid", "id")
OTHERS = ("name", "row", "rownames", "index", "lesionid", "scanid", "studyid", "filename", "file")
UNNAMED = re.compile(r"^(unnamed: ?\d+|level_0|)$", re.I)
EVENTS = ("yes", "true", "positive", "event", "malignant")
NOT_EVENTS = ("no", "false", "negative", "no event", "benign")
# Fewer patients of a class cannot be spread over five folds with two in each.
LEAST_PATIENTS = 10
# Numbers beyond this overflow when they are squared and summed.
LARGEST = 1e100
LEAST_NUMBERS = 0.5
# A row of which as many features are the average of their column was not measured, but filled in.
FILLED = 0.9
# Of fewer features, all may well be average.
LEAST_FEATURES = 10
# Distance, in standard deviations, up to which a value is the average.
AVERAGE = 1e-6


@dataclass(frozen=True, eq=False)
class FeatureTable:
    """Rows (n,) of truth and patient, features (n, p) that vary, the word for the event, and what was left out.

    `row` is the number of each row in the file, from 1; `read` counts the columns beside the outcome.
    """

    truth: np.ndarray
    patient: np.ndarray
    row: np.ndarray
    features: pd.DataFrame
    event: str
    read: int
    notes: tuple[str, ...]


def table(path: Path, *, target: str) -> FeatureTable:
    """The table of a file; `target` is the outcome's column, or COLUMN=VALUE where the value is the event.

    Raises CaseError, saying why, for a table that nothing can be learned from.
    """
    sheet = anyfile.read(path)
    notes = list(sheet.notes)
    name, stated = _outcome(sheet.frame, target)
    words = sheet.frame[name].map(word)
    frame, words = sheet.frame[words.notna()], words[words.notna()]
    if len(frame) < len(sheet.frame):
        notes.append(f"{prose.count(len(sheet.frame) - len(frame), 'row')} without {name} left out")
    event = stated or _event(words, name)
    truth = (words == event).to_numpy().astype(np.int64)
    if stated and not truth.any():
        raise CaseError(f"{name} is never {stated}; its values are {_few(words)}")
    patient, features = _features(frame.drop(columns=name).reset_index(drop=True), truth, name, notes)
    row = np.flatnonzero(sheet.frame[name].map(word).notna()) + 1
    if (out := filled(features.to_numpy())).any():
        notes.append(f"{prose.count(int(out.sum()), 'row')} left out, nearly every feature being its column's average")
        truth, patient, row, features = truth[~out], patient[~out], row[~out], features[~out].reset_index(drop=True)
    _require_classes(truth, patient, name=name, event=event)
    return FeatureTable(truth, patient, row, features, event, sheet.frame.shape[1] - 1, tuple(notes))


def _outcome(frame: pd.DataFrame, target: str) -> tuple[str, str | None]:
    """The outcome's column, whatever its capitals, and the value that was stated as the event."""
    name, _, stated = (target, "", "") if target in frame else target.partition("=")
    found = [c for c in frame if c == name] or [c for c in frame if c.lower() == name.lower()]
    if not found:
        have = ", ".join(list(frame.columns)[:4] + ["..."] * (frame.shape[1] > 4))
        raise CaseError(f"no column {name} among its {frame.shape[1]} ({have}): name the outcome with --target")
    return found[0], stated or None


def word(value: object) -> str | None:
    """A cell as the user would write it, None where nothing is written: 1.0 of a column of numbers is "1"."""
    if pd.api.types.is_scalar(value) and pd.isna(value):
        return None
    return (f"{value:.15g}" if isinstance(value, float) else str(value)).strip() or None


def _event(words: pd.Series, name: str) -> str:
    """Of two values the event: the larger number, the word that means so, else the rarer word."""
    counts = words.value_counts()
    if len(counts) < 2:
        raise CaseError(f"{name} is {counts.index[0] if len(counts) else 'empty'} throughout: nothing can be learned")
    if len(counts) > 2:
        example = sorted(counts.index)[0]
        raise CaseError(
            f"{name} has {len(counts)} values ({_few(words)}): say which is the event, --target {name}={example}"
        )
    numbers = pd.to_numeric(counts.index.to_series(), errors="coerce")
    if numbers.notna().all():
        return str(numbers.idxmax())
    for known, position in ((EVENTS, 0), (NOT_EVENTS, 1)):
        meant = [i for i, word in enumerate(counts.index) if word.lower() in known]
        if len(meant) == 1:
            return counts.index[meant[0] - position]
    return min(sorted(counts.index), key=lambda word: counts[word])


def _few(words: pd.Series) -> str:
    values = sorted(set(words))
    return ", ".join(values[:4] + ["..."] * (len(values) > 4))


def _features(frame: pd.DataFrame, truth: np.ndarray, target: str, notes: list[str]) -> tuple[np.ndarray, pd.DataFrame]:
    """Patient (n,) and features (n, p) of a table without its outcome."""
    naming = naming_patients(frame)
    values = numbers(frame.drop(columns=[*naming, *counting_rows(frame, besides=naming)]), notes)
    copies = [c for c in values if tells(values[c].to_numpy(), truth)]
    if copies:
        notes.append(f"{prose.listing(copies[:3])} left out: {target} again in other words")
    values = values.drop(columns=copies)
    varying = [c for c in values if values[c].nunique() > 1]
    if not varying:
        raise CaseError("no feature varies: nothing can be learned")
    if len(varying) < values.shape[1]:
        notes.append(f"{prose.count(values.shape[1] - len(varying), 'feature')} constant or empty")
    values = values[varying]
    if values.isna().any(axis=None):
        notes.append(f"{100 * values.isna().to_numpy().mean():.2g} % of values missing, imputed within folds")
    return _patients(frame[naming[0]] if naming else None, values, notes), values


def naming_patients(frame: pd.DataFrame) -> list[str]:
    """Columns that tell patients apart, the one to go by first."""
    return sorted((c for c in frame if _plain(c) in PATIENTS), key=lambda c: PATIENTS.index(_plain(c)))


def counting_rows(frame: pd.DataFrame, *, besides: Sequence[str]) -> list[str]:
    """Columns that name or number rows or files, besides those that name patients: none is a feature."""
    return [
        c for c in frame if UNNAMED.match(c) or _plain(c) in OTHERS or (c not in besides and _counts_rows(frame[c]))
    ]


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _counts_rows(column: pd.Series) -> bool:
    """Whether a column only numbers the rows: it would tell the order of the file."""
    if len(column) < 3 or not pd.api.types.is_integer_dtype(column) or column.isna().any():
        return False
    return bool((np.diff(column.to_numpy(np.int64)) == 1).all())


def numbers(frame: pd.DataFrame, notes: list[str]) -> pd.DataFrame:
    """Columns as numbers, infinite and absurd ones as missing; of words, those of two values are 0 and 1."""
    found, words, mended = {}, [], []
    for name in frame:
        numbers, lost = _as_numbers(frame[name])
        if numbers is None:
            words.append(name)
            continue
        if lost:
            mended.append(name)
        with np.errstate(invalid="ignore"):
            found[name] = np.where(np.abs(numbers) < LARGEST, numbers, np.nan)
    if words:
        notes.append(f"{prose.count(len(words), 'column')} of words left out ({', '.join(words[:3])})")
    if mended:
        notes.append(f"words among the numbers of {', '.join(mended[:3])} taken as missing")
    return pd.DataFrame(found, index=frame.index)


def _as_numbers(column: pd.Series) -> tuple[np.ndarray | None, int]:
    """A column as numbers (n,), None where it holds words, and how many words among its numbers were lost."""
    if pd.api.types.is_numeric_dtype(column):
        return column.to_numpy(dtype=np.float64, na_value=np.nan), 0
    known = column.astype(object).map(word)
    values = sorted(known.dropna().unique())
    plain = known.map(lambda word: word.replace(",", ".") if isinstance(word, str) else None)
    numeric = pd.to_numeric(plain, errors="coerce").astype(np.float64)
    if len(values) == 2 and numeric.isna().all():
        return known.map({values[0]: 0.0, values[1]: 1.0}).to_numpy(dtype=np.float64), 0
    if numeric.notna().sum() < LEAST_NUMBERS * max(len(known.dropna()), 1):
        return None, 0
    return numeric.to_numpy(), int(known.notna().sum() - numeric.notna().sum())


def filled(values: np.ndarray) -> np.ndarray:
    """Whether nearly every feature of a row (n,) is the average of its column, for features (n, p).

    Filling in what could not be measured with the average leaves the average as it is, so that it shows. Two of the 293
    patients of Hosny 2018's published table are such; nobody else in four tables has more than 2 % of such values.
    """
    values = values[:, np.isfinite(values).any(axis=0)]
    mean, sd = np.nanmean(values, axis=0), np.nanstd(values, axis=0)
    varying = sd > 0
    if varying.sum() < LEAST_FEATURES:
        return np.zeros(len(values), dtype=bool)
    return (np.abs(values - mean) < AVERAGE * sd)[:, varying].mean(axis=1) >= FILLED


def tells(values: np.ndarray, truth: np.ndarray) -> bool:
    """Whether a column has two values, one a class: the outcome itself."""
    if np.isnan(values).any() or np.unique(values).size != 2:
        return False
    return np.unique(values[truth == 1]).size == 1 and np.unique(values[truth == 0]).size == 1


def _patients(names: pd.Series | None, values: pd.DataFrame, notes: list[str]) -> np.ndarray:
    """Patient (n,) of every row: rows with one name, or the very same features, are one patient's and share a fold."""
    n = len(values)
    own = pd.Series([f"row {i}" for i in range(n)])
    named = own if names is None else names.map(word).where(names.notna(), own)
    same = _alike(values)
    groups = [pd.factorize(named)[0], same]
    edges = np.concatenate(groups) + np.repeat([n, 2 * n], n)
    graph = coo_array((np.ones(2 * n), (np.tile(np.arange(n), 2), edges)), shape=(3 * n, 3 * n))
    patient = pd.factorize(connected_components(graph, directed=False)[1][:n])[0]
    doubled = n - len(np.unique(same))
    if doubled:
        notes.append(f"{prose.count(doubled, 'row')} with the very features of another kept in one fold with it")
    repeated = n - int(named.nunique())
    if repeated:
        notes.append(f"{prose.count(int(named.nunique()), 'patient')} named in {n} rows, split by patient")
    return np.array([f"patient{number:06d}" for number in patient])


def _alike(values: pd.DataFrame) -> np.ndarray:
    """Number (n,) of each row's features, the same for rows that are the same."""
    keys = [row.tobytes() for row in np.where(np.isnan(values), np.nan, values.to_numpy() + 0.0)]
    return pd.factorize(np.array(keys, dtype=object))[0]


def _require_classes(truth: np.ndarray, patient: np.ndarray, *, name: str, event: str) -> None:
    for label, words in ((1, f"{name} {event}"), (0, f"another {name}")):
        count = np.unique(patient[truth == label]).size
        if count < LEAST_PATIENTS:
            raise CaseError(
                f"only {prose.count(count, 'patient')} with {words}: cross-validation within cross-validation needs "
                f"{LEAST_PATIENTS} of each class"
            )
