"""How much each variable moves a fusion's log odds on average."""

from __future__ import annotations

import pandas as pd


def importance(table: pd.DataFrame) -> pd.DataFrame:
    """endpoint, model, variable, mean_absolute (log odds) and its share of the model's sum, the largest first."""
    found = (
        table.assign(mean_absolute=table["contribution"].abs())
        .groupby(["endpoint", "model", "variable"], sort=False)["mean_absolute"]
        .mean()
        .reset_index()
    )
    whole = found.groupby(["endpoint", "model"], sort=False)["mean_absolute"].transform("sum")
    found["share"] = found["mean_absolute"] / whole.where(whole > 0)
    order = found.groupby(["endpoint", "model"], sort=False).ngroup()
    return (
        found.assign(order=order)
        .sort_values(["order", "mean_absolute"], ascending=[True, False], kind="stable")
        .drop(columns="order")
        .reset_index(drop=True)
    )
