"""The command `radiogram`."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path

import click

from helpers import doctor as doctors
from helpers import run, scaffold
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


@main.command(short_help="Evaluate a CSV of patient, part, truth and models.")
@click.argument("scores", type=click.Path(path_type=Path))
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), required=True, help="Folder for tables and report.html."
)
@Set
@sentence
def evaluate(scores: Path, out: Path, overrides: tuple[str, ...]) -> None:
    """Evaluate the models of a CSV: columns patient, part (train or test), truth, then one a model.

    Training rows must hold out-of-fold predictions: the threshold is chosen on them.
    """
    study = scaffold.study_of_scores(scores, out)
    os.environ["RADIOGRAM_RUNS"] = str(study.parent.parent.absolute())
    page = run.report(str(study), overrides=overrides, say=click.echo)
    click.echo(f"Report: {page}")


def _named(study: str) -> str:
    """A study given as a path is passed on as an absolute one: the notebooks run in processes of their own."""
    path = Path(study)
    return str(path.absolute()) if path.suffix in (".yaml", ".yml") and path.is_file() else study


def _with_scheduler(overrides: tuple[str, ...], scheduler: str | None) -> tuple[str, ...]:
    return (*overrides, f"execution.scheduler={scheduler}") if scheduler else overrides
