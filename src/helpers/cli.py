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
from helpers import prose, run, scaffold
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


@main.command(short_help="Compare the fast engine with PyRadiomics on IMAGE and MASK.")
@click.argument("image", type=click.Path(path_type=Path))
@click.argument("mask", type=click.Path(path_type=Path))
@click.option(
    "--settings", type=click.Path(path_type=Path), metavar="FILE", help="PyRadiomics' settings file [defaults]."
)
@click.option("--label", type=int, metavar="N", help="Value of the lesion in the mask [that of the settings, else 1].")
@sentence
def parity(image: Path, mask: Path, settings: Path | None, label: int | None) -> None:
    """Measure IMAGE in MASK with the fast engine and with PyRadiomics; print worst difference and speed ratio.

    Ends with status 1 when a feature differs by more than 1e-6.
    """
    from helpers.imaging.radiomics import parity as engines
    from helpers.imaging.radiomics.settings import Settings

    own = engines.labelled(Settings.read(settings) if settings else Settings(), label)
    trial = engines.trial(image, mask, settings=own)
    for line in engines.lines(trial):
        click.echo(line)
    sys.exit(1 if trial.comparison.beyond else 0)


@main.group(short_help="List, verify or prune the features kept from earlier runs.")
def store() -> None:
    """Extracted features are kept by content in runs/store, shared by all studies: none is measured twice."""


Place = click.option(
    "--store", "place", type=click.Path(path_type=Path, file_okay=False), metavar="DIR",
    help="Folder of the store [store/ in the runs folder].",
)  # fmt: skip


@store.command("list", short_help="Entries, bytes and age by kind and engine.")
@Place
@sentence
def list_store(place: Path | None) -> None:
    """Say where the store is and what it holds: entries, bytes and age by kind and engine."""
    from helpers.imaging import store_keeping

    for line in store_keeping.described(store_keeping.folder(place)):
        click.echo(line)


@store.command("verify", short_help="Check every entry; status 1 if one is damaged.")
@Place
@sentence
def verify_store(place: Path | None) -> None:
    """Read every entry, check its checksum and its name; status 1 if one is damaged. Nothing is changed."""
    from helpers.imaging import store_keeping

    folder = store_keeping.folder(place)
    found = store_keeping.verify(folder)
    click.echo(f"{folder}: {found.sound:,} entries are sound, {len(found.damaged):,} damaged")
    for path in found.damaged:
        click.echo(f"damaged, will be measured again: {path.relative_to(folder)}")
    for what, paths in (("of a killed writer", found.abandoned), ("of an earlier version of Radiogram", found.old)):
        if paths:
            click.echo(f"{prose.count(len(paths), 'file')} {what}: `radiogram store prune` takes them away")
    sys.exit(1 if found.damaged else 0)


@store.command("prune", short_help="Remove what is old, unused, outdated or too much.")
@Place
@click.option("--older-than", type=click.FloatRange(0), metavar="DAYS", help="Entries written longer ago.")
@click.option("--unused-for", type=click.FloatRange(0), metavar="DAYS", help="Entries that no run has read since.")
@click.option("--outdated", is_flag=True, help="Entries of engines and package versions other than those here.")
@click.option("--keep-gigabytes", type=click.FloatRange(0), metavar="N", help="Beyond N GB, the longest unused.")
@click.option("--dry-run", is_flag=True, help="Say what would go; remove nothing.")
@sentence
def prune_store(place: Path | None, dry_run: bool, **what: Any) -> None:
    """Remove entries, and always files that are damaged, left by a killed run or of an earlier version of Radiogram.

    Safe while runs are going on: what they miss they measure again.
    """
    from helpers.imaging import store_keeping

    folder = store_keeping.folder(place)
    done = store_keeping.prune(folder, **store_keeping.chosen(**what), dry_run=dry_run)
    size = store_keeping.size
    verb = "would be removed" if dry_run else "removed"
    click.echo(f"{folder}: {prose.count(done.removed, 'file')} {verb}, {size(done.removed_bytes)}")
    click.echo(f"{prose.count(done.kept, 'entry', 'entries')} left, {size(done.kept_bytes)}")


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


@main.command(short_help="Model every feature table of FOLDER, unattended.")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option(
    "--target",
    metavar="COLUMN[=VALUE]",
    default="Target",
    show_default=True,
    help="Column of the outcome, and its value that is the event.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Folder of results [tables/ in the runs folder].",
)
@click.option(
    "--permutations", type=click.IntRange(0), default=0, metavar="N", help="Also with N permuted outcomes a table [0]."
)
@click.option(
    "--repeats", type=click.IntRange(1), default=3, show_default=True, metavar="N", help="Cross-validations a table."
)
@click.option("--workers", type=click.IntRange(0), metavar="N", help="Processes [every core].")
@click.option("--seed", type=click.IntRange(0), metavar="N", help="Seed of every random draw [2026].")
@Set
@sentence
def tables(
    folder: Path, out: Path | None, workers: int | None, seed: int | None, overrides: tuple[str, ...], **how: Any
) -> None:
    """Model every feature table of FOLDER (or one file) by nested cross-validation; print a row for each.

    A table is CSV with any delimiter (gzipped or not), parquet or .xlsx: one row a patient, the column of the
    outcome, and features. Columns of identifiers (ID, patient, an unnamed index) keep a patient's rows together;
    words, constants and copies of the outcome are left out, missing values are imputed. Every step that learns is
    repeated in each fold. The common recipe, which selects features on all rows first, stands beside it: it is
    wrong, and shows by how much.

    With --permutations both are repeated on permuted outcomes, where an honest AUC is 0.50 on average. A table that
    cannot be used is a row with its reason; status 2 if none can. Results do not depend on --workers.

    \b
    radiogram tables radMLBench/datasets --out results
    radiogram tables radMLBench/datasets --permutations 20 --workers 2
    radiogram tables tables/ --target "IDH=mutant" --set selection.lasso_rule=min
    """
    from helpers import surveying

    given = {"execution.workers": workers, "seed": seed}
    told = (*overrides, *(f"{name}={value}" for name, value in given.items() if value is not None))
    for line in surveying.survey(folder, out, overrides=told, **how):
        click.echo(line)


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
