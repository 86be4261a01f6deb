"""What the generated prose may lean on: the rows of the tables that the report leads with."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from helpers import prose
from helpers.evaluation import headline, order
from helpers.parameters import Endpoint
from helpers.study import Study

# A test part with fewer events than this cannot give a precise answer (statistics: 100 events for validation).
FEW_EVENTS = 100


@dataclass(frozen=True)
class Lead:
    """The leading model in the leading part, for one endpoint; `metrics` is its part of `scores`, by metric.

    `supplied` scores were computed elsewhere, so that whether a patient was fitted on is not known here.
    """

    endpoint: Endpoint
    model: str
    part: str
    kind: str
    metrics: pd.DataFrame
    supplied: bool = False

    @property
    def n(self) -> int:
        return int(self.metrics["n"].iloc[0])

    @property
    def events(self) -> int:
        return int(self.metrics["events"].iloc[0])

    @property
    def few(self) -> bool:
        """Whether fewer than 100 patients had the event, or fewer than 100 did not."""
        return min(self.events, self.n - self.events) < FEW_EVENTS

    @property
    def name(self) -> str:
        return prose.model_after_the(self.model)

    def has(self, metric: str) -> bool:
        return metric in self.metrics.index

    def value(self, metric: str) -> tuple[float, float, float]:
        """Estimate and limits of a metric."""
        row = self.metrics.loc[metric]
        return float(row["estimate"]), float(row["low"]), float(row["high"])

    def told(self, metric: str) -> str:
        """ "0.84 (0.73 to 0.93)"."""
        return prose.interval(*self.value(metric))

    @property
    def who(self) -> str:
        """ "58 patients never used for fitting"."""
        patients = prose.count(self.n, "patient")
        if self.kind == "oof":
            return f"{patients}, each judged by a model fitted without them"
        return f"{patients} taken as new to the models" if self.supplied else f"{patients} never used for fitting"


def leads(study: Study) -> list[Lead]:
    """The leading model and part of every endpoint, in the order of the parameters."""
    model = order.lead(study.tables.read("predictions"))
    scores = study.tables.read("scores")
    found = []
    for endpoint in study.parameters.cohort.endpoints:
        own = scores[(scores["endpoint"] == endpoint.name) & (scores["model"] == model)]
        here = headline.judged(own)
        metrics = here.set_index("metric")
        supplied = study.entry == "scores"
        found.append(Lead(endpoint, model, here["part"].iloc[0], here["kind"].iloc[0], metrics, supplied))
    return found


def of_lead(table: pd.DataFrame, lead: Lead) -> pd.DataFrame:
    """The rows of a table of curves that belong to the leading model and part."""
    columns = {"endpoint": lead.endpoint.name, "model": lead.model, "part": lead.part, "kind": lead.kind}
    mine = pd.Series(True, index=table.index)
    for column, value in columns.items():
        mine &= table[column] == value
    return table[mine]
