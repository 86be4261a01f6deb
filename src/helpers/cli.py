"""The command `radiogram`."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import click

from helpers import doctor as doctors
from helpers import run, scaffold
from helpers.cohort.columns import Columns
from helpers.errors import RadiogramError

Set = click.option(
    "--set", "overrides", multiple=True, metavar="NAME=VALUE",
    help="Override a parameter, e.g. --set modeling.folds=5. May be given several times; names are in params/_defaults.yaml.",
)  # fmt: skip
Scheduler = click.option(
    "--scheduler", metavar="ADDRESS", help="Hand the cases to a running Dask scheduler, e.g. tcp://host:8786."
)


def sentence(command: Callable) -> Callable:
    """A user's mistake ends with one sentence and exit status 2, never with a traceback."""

    @wraps(command)
    def guarded(*args, **kwargs):
        try:
            return command(*args, **kwargs)
        except RadiogramError as error:
            click.echo(f"radiogram: {error}", err=True)
            sys.exit(2)

    return guarded


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="radiogram", prog_name="radiogram")
def main() -> None:
    """From scans to a publication-style report with one command.

    STUDY is the name of a file in params/ (try: demo) or a path to a YAML file of your own (make one with
    `radiogram new`). Runs are kept in runs/<study>/; set RADIOGRAM_RUNS to keep them elsewhere.
    """


@main.command(short_help="Run STUDY through its notebooks to a report.")
@click.argument("study")
@Set
@Scheduler
@sentence
def report(study: str, overrides: tuple[str, ...], scheduler: str | None) -> None:
    """Run STUDY through its notebooks and render runs/STUDY/report.html.

    Notebooks whose parameters, inputs and code have not changed are kept, and extracted features are reused, so an
    interrupted run goes on where it was.
    """
    page = run.report(_named(study), overrides=_with_scheduler(overrides, scheduler), say=click.echo)
    click.echo(f"Report: {page}")


@main.command(short_help="Check STUDY's input and say what would be excluded; writes nothing.")
@click.argument("study")
@Set
@Scheduler
@sentence
def check(study: str, overrides: tuple[str, ...], scheduler: str | None) -> None:
    """Check STUDY's parameters, sheet, labels, scans and masks; say what would be excluded and why; write nothing."""
    from helpers import checking

    for line in checking.check(_named(study), overrides=_with_scheduler(overrides, scheduler)):
        click.echo(line)


@main.command(short_help="Start a study of your own: params/NAME.yaml and .csv.")
@click.argument("name")
@sentence
def new(name: str) -> None:
    """Copy a commented study file and a manifest template to params/NAME.yaml and params/NAME.csv."""
    for path in scaffold.new(name):
        click.echo(f"Wrote {path}")
    click.echo(f"Fill in params/{name}.csv, adapt params/{name}.yaml, then: radiogram check {name}")


@main.command(short_help="Say what this machine has.")
@sentence
def doctor() -> None:
    """Say what this machine has: versions, renderer, weights, cores, memory, disk."""
    for line in doctors.diagnose():
        click.echo(line)


@main.command(short_help="Evaluate anybody's predictions or readings: FILE to a report.")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), required=True, help="Folder for tables and report.html."
)
@click.option(
    "--truth", metavar="COLUMN[=VALUE]", help="Column of the outcome, and its value that is the event [truth]."
)
@click.option("--models", metavar="A,B,C", help="Columns of the models or markers [all columns not known otherwise].")
@click.option("--lower", metavar="C", help="Those of them that point to the event when they are low.")
@click.option(
    "--patient", metavar="COLUMN", help="Column that names the patient [patient; with --models, else the row]."
)
@click.option("--part", metavar="COLUMN", help="Column of train, test or external:CENTER [part; else all are test].")
@click.option("--readings", type=click.Path(path_type=Path), metavar="FILE", help="Readings of the same patients.")
@click.option("--drop-missing", is_flag=True, help="Leave out rows in which a model has no value, for every model.")
@Set
@sentence
def evaluate(file: Path, out: Path, overrides: tuple[str, ...], readings: Path | None, **told: Any) -> None:
    """Evaluate the predictions, markers or readings of a table (CSV or parquet) and write a report.

    FILE holds predictions: patient, part (train or test), truth (0 or 1), then one column a model. Predictions of
    training patients must be out-of-fold, as the thresholds are chosen on them; without training patients there are
    no thresholds. Or it holds readings, one a row: case, reader, condition, truth, rating and, where known, call and
    seconds; the second condition is compared with the first.

    \b
    radiogram evaluate scores.csv --out results
    radiogram evaluate aSAH.csv --truth outcome=Poor --models wfns,s100b,ndka --out results
    radiogram evaluate readings.csv --out results --set readers.call_at=3
    radiogram evaluate scores.csv --readings readings.csv --out results
    """
    columns = _columns(**told)
    study = scaffold.evaluation(file, out, columns=columns, readings=readings, overrides=overrides)
    os.environ["RADIOGRAM_RUNS"] = str(study.parent.parent.absolute())
    page = run.report(str(study.absolute()), overrides=overrides, say=click.echo)
    click.echo(f"Report: {page}")


def _columns(
    *,
    truth: str | None,
    models: str | None,
    lower: str | None,
    patient: str | None,
    part: str | None,
    drop_missing: bool,
) -> Columns:
    """What the options of `evaluate` say of the table's columns."""
    names = [tuple(name.strip() for name in (text or "").split(",") if name.strip()) for text in (models, lower)]
    return Columns(truth, *names, patient, part, drop_missing)


def _named(study: str) -> str:
    """A study given as a path is passed on as an absolute one: the notebooks run in processes of their own."""
    path = Path(study)
    return str(path.absolute()) if path.suffix in (".yaml", ".yml") and path.is_file() else study


def _with_scheduler(overrides: tuple[str, ...], scheduler: str | None) -> tuple[str, ...]:
    return (*overrides, f"execution.scheduler={scheduler}") if scheduler else overrides
