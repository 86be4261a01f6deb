"""Networks, their trainings and seeds for a reader: tables, and the sentences' numbers."""

from __future__ import annotations

from typing import Any

import pandas as pd

from helpers import prose
from helpers.parameters import Networks

SHORT = 12  # characters of a SHA-256 that are printed
ABSENT = "\N{EN DASH}"


def architectures(table: pd.DataFrame) -> pd.DataFrame:
    """A network a row: what goes in, its size, and what its weights started from."""
    rows = [
        (r.model, r.inputs, _weights(r), f"{int(r.parameters):,}", f"{int(r.trained):,}") for r in table.itertuples()
    ]
    columns = ["Network", "Inputs", "Starting weights", "Parameters", "Trained"]
    return pd.DataFrame(rows or [("None", "no network was trained", *[""] * 3)], columns=columns)


def definitions(table: pd.DataFrame) -> str:
    """What each network is and by whose definition, as a list in Markdown; networks of one definition share an item."""
    grouped = table.groupby("definition", sort=False)["model"].agg(list)
    return "\n".join(f"- **{prose.listing(names)}**: {text.rstrip('.')}." for text, names in grouped.items())


def _weights(row: Any) -> str:
    told = [str(row.weights)]
    if isinstance(row.sha256, str) and row.sha256:
        told.append(f"SHA-256 {row.sha256[:SHORT]}")
    if isinstance(row.license, str) and row.license:
        told.append(f"license {row.license}")
    return ", ".join(told)


def trainings(training: pd.DataFrame, seed_scores: pd.DataFrame) -> pd.DataFrame:
    """A network a row: trainings, epochs until the best, seconds of a training, and the AUC over seeds by part."""
    parts = list(dict.fromkeys(zip(seed_scores["part"], seed_scores["kind"], strict=True)))
    several = seed_scores["endpoint"].nunique() > 1
    rows = []
    for model, own in training.groupby("model", sort=False):
        scores = seed_scores[seed_scores["model"] == model]
        for endpoint, of in scores.groupby("endpoint", sort=False):
            name = f"{model}, {prose.variable(endpoint, inline=True)}" if several else str(model)
            rows.append((name, *_effort(own), *(_over_seeds(of, *part) for part in parts)))
    heads = [f"{prose.part_name(part, kind)}: AUC over seeds, mean (range)" for part, kind in parts]
    columns = ["Network", "Trainings", "Epochs kept", "Seconds a training", *heads]
    return pd.DataFrame(rows or [("None", *[""] * (len(columns) - 1))], columns=columns)


def _effort(own: pd.DataFrame) -> tuple[str, str, str]:
    kept = own.loc[(own["part"] == "inner") & own["kept"].fillna(False).astype(bool), "epoch"]
    each = own.drop_duplicates(["fold", "seed", "epoch"]).groupby(["fold", "seed"])["seconds"].sum()
    epochs = f"{kept.median():.0f} ({kept.min():.0f} to {kept.max():.0f})" if len(kept) else ABSENT
    return str(len(each)), epochs, f"{each.median():.0f}"


def _over_seeds(of: pd.DataFrame, part: str, kind: str) -> str:
    values = of.loc[(of["part"] == part) & (of["kind"] == kind), "auc"].astype(float).dropna()
    return prose.interval(values.mean(), values.min(), values.max()) if len(values) else ABSENT


def numbers(training: pd.DataFrame, seed_scores: pd.DataFrame, settings: Networks, notes: list[str]) -> dict[str, Any]:
    """What captions and prose say: how many networks, trainings and seeds, and how far seeds moved the AUC."""
    count = training[["model", "fold", "seed"]].drop_duplicates().shape[0]
    return {
        "networks": prose.count(training["model"].nunique(), "network"),
        "trainings": prose.count(count, "training"),
        "seeds": prose.count(training["seed"].nunique(), "seed"),
        "epochs": prose.count(settings.epochs, "epoch"),
        "stopping": f"{100 * settings.inner_fraction:.0f} %",
        "spread": _spread(seed_scores),
        "notes": " ".join(notes) or "Nothing else has to be known of the trainings.",
    }


def _spread(seed_scores: pd.DataFrame) -> str:
    """The network that chance moved most, in the parts no network was fitted on."""
    if seed_scores.empty:
        return "No network was trained."
    keys = ["endpoint", "model", "part"]
    ranges = seed_scores.groupby(keys, sort=False)["auc"].agg(lambda values: float(values.max() - values.min()))
    endpoint, model, part = ranges.idxmax()
    about = f" for {prose.variable(endpoint, inline=True)}" if seed_scores["endpoint"].nunique() > 1 else ""
    return (
        f"Between seeds alone, the AUC of a network moved by {prose.number(ranges.median())} (median) and by at most "
        f"{prose.number(ranges.max())} ({model}{about}, {prose.part_inline(part)} part): a smaller difference between two "
        "single trainings says nothing."
    )


def equations(table: pd.DataFrame) -> pd.DataFrame:
    """A term of a fusion a row: coefficient for one unit and its interval."""
    several = table["endpoint"].nunique() > 1
    rows = [
        (
            f"{r.model}, {prose.variable(r.endpoint, inline=True)}" if several else r.model,
            _term(r.term),
            prose.interval(r.coefficient, r.low, r.high),
        )
        for r in table.itertuples()
    ]
    return pd.DataFrame(
        rows or [("None", "no fusion was fitted", "")], columns=["Fusion", "Term", "Log odds (95 % interval)"]
    )


def _term(term: str) -> str:
    if term == "(intercept)":
        return "Intercept"
    name, _, level = term.partition("=")
    return f"{prose.variable(name)}: {level}" if level else prose.variable(name) if name.islower() else name
