"""The one command: a study's notebooks in order, what changed redone and the rest kept, then the report."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from helpers import cluster, progress
from helpers import study as studies
from helpers.cohort import inputs
from helpers.errors import RadiogramError
from helpers.study import Study
from helpers.tables import full_disk, write_whole

PACKAGES = (
    "numpy", "scipy", "pandas", "scikit-learn", "statsmodels", "pyradiomics", "SimpleITK", "torch", "timm", "numba",
    "matplotlib", "papermill", "lightning", "monai", "shap",
)  # fmt: skip
QUIET = ["--IPKernelApp.log_level=CRITICAL"]  # a kernel's remarks on its own transport help nobody here
NOT_COMPUTING = ("reporting", "cli.py", "run.py")
# The stage that judges frozen predictions: to open it is to open the test part.
EVALUATION = "06_statistics"


@dataclass(frozen=True)
class Stage:
    """One executed notebook: its name, the seconds it took, and whether an earlier execution was kept."""

    name: str
    seconds: float
    kept: bool


def open_study(study: str, overrides: str = "", *, stage: str) -> Study:
    """What every notebook begins with: the study, with all stages before this one executed.

    In a `radiogram report` they have just been; in JupyterLab whatever is missing is run first.
    """
    from helpers.evaluation import openings
    from helpers.figures import theme

    opened = studies.load(study, overrides=overrides)
    names = opened.parameters.notebooks
    before = names[: names.index(stage)] if stage in names else names
    for done in execute(opened, study_name=study, overrides=overrides, notebooks=before):
        if not done.kept:
            print(f"{done.name} was run first ({done.seconds:.0f} s)")
    if stage == EVALUATION:
        openings.note(opened, code=_code([*before, stage]), inputs=_digest(inputs.fingerprint(opened)))
    theme.show_figures()
    if opened.tables.exists("predictions"):
        theme.enlist(opened.tables.read("predictions")["model"].unique())
    return opened


def mapper(study: Study, *, label: str) -> Callable:
    """`map_cases` with the study's workers, for rooms that do not know where their cases run."""
    return partial(cluster.map_cases, execution=study.parameters.execution, label=label)


def execute(
    study: Study,
    *,
    study_name: str,
    overrides: str,
    notebooks: Sequence[str],
    say: Callable[[str], None] = lambda line: None,
) -> list[Stage]:
    """Run the notebooks in order; one whose source, code, parameters, inputs and predecessors are unchanged is kept."""
    key, done = _foundation(study), []
    for name in notebooks:
        source = _notebook(name)
        key = _digest(key, source.read_bytes())
        started = time.monotonic()
        kept = _is_current(study, name, key)
        if not kept:
            say(f"{name} ...")
            _papermill(source, study, parameters={"study": study_name, "overrides": overrides})
            _remember(study, name, key, time.monotonic() - started)
        done.append(Stage(name, time.monotonic() - started, kept))
        say(f"{name}: {'unchanged, kept' if kept else f'{done[-1].seconds:.1f} s'}")
    return done


def _notebook(name: str) -> Path:
    path = studies.house() / "notebooks" / f"{name}.ipynb"
    if not path.is_file():
        known = ", ".join(sorted(p.stem for p in path.parent.glob("*.ipynb")))
        raise RadiogramError(f"No notebook {name} in notebooks/; there are {known}.")
    return path


def _foundation(study: Study) -> str:
    """Digest of what every stage rests on: parameters, inputs, code and package versions."""
    return _digest(study.digest(), inputs.fingerprint(study), versions(), *_sources(NOT_COMPUTING))


def _sources(leaving_out: Sequence[str]) -> list[bytes]:
    """Every module of ours but those of some rooms."""
    code = Path(__file__).parent
    return [p.read_bytes() for p in sorted(code.rglob("*.py")) if p.relative_to(code).parts[0] not in leaving_out]


def _code(notebooks: Sequence[str]) -> str:
    """Digest of all that computes: notebooks, modules and packages; how a figure is drawn changes no result."""
    return _digest(versions(), *_sources((*NOT_COMPUTING, "figures")), *[_notebook(n).read_bytes() for n in notebooks])


def versions() -> dict[str, str]:
    """Versions of the packages that results depend on."""
    found = {}
    for package in PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found[package] = "absent"
    return found


def _digest(*parts: Any) -> str:
    digest = hashlib.sha256()
    for part in parts:
        content = part if isinstance(part, bytes) else json.dumps(part, sort_keys=True).encode()
        digest.update(hashlib.sha256(content).digest())
    return digest.hexdigest()


def _remembered(study: Study) -> dict[str, Any]:
    path = study.folder / "stages.json"
    return json.loads(path.read_text()) if path.is_file() else {}


def _is_current(study: Study, name: str, key: str) -> bool:
    held = _remembered(study).get(name)
    executed = (study.folder / "notebooks" / f"{name}.ipynb").is_file()
    return bool(held) and held["key"] == key and executed and _tables(study).items() >= held["tables"].items()


def _remember(study: Study, name: str, key: str, seconds: float) -> None:
    """Note that a stage was executed, and the tables as it left them; stages after it are forgotten."""
    held, names = _remembered(study), list(study.parameters.notebooks)
    earlier = names[: names.index(name)] if name in names else names
    before = {n: held[n] for n in earlier if n in held}
    known = {table: digest for stage in before.values() for table, digest in stage["tables"].items()}
    mine = {table: digest for table, digest in _tables(study).items() if known.get(table) != digest}
    for stage in before.values():
        stage["tables"] = {t: d for t, d in stage["tables"].items() if t not in mine}
    before[name] = {"key": key, "seconds": round(seconds, 2), "tables": mine}
    write_whole(study.folder / "stages.json", lambda path: path.write_text(json.dumps(before, indent=1)))


def _tables(study: Study) -> dict[str, str]:
    found = sorted((study.folder / "tables").glob("*.parquet"))
    return {p.stem: hashlib.sha256(p.read_bytes()).hexdigest() for p in found}


def _papermill(source: Path, study: Study, *, parameters: dict[str, str]) -> None:
    """Execute one notebook in a kernel of its own; only a finished one reaches the run's folder."""
    import papermill
    from papermill.exceptions import PapermillExecutionError

    target = study.folder / "notebooks" / source.name
    beside = target.with_name(f".{source.name}")
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        with _one_thread():
            papermill.execute_notebook(
                source, beside, parameters=parameters, cwd=Path.cwd(), kernel_name="python3",
                progress_bar=False, log_output=False, request_save_on_cell_execute=False, extra_arguments=QUIET,
            )  # fmt: skip
        os.replace(beside, target)
        _sign(target)
    except PapermillExecutionError as error:
        if error.ename in ("RadiogramError", "CaseError"):
            raise RadiogramError(error.evalue) from None
        os.replace(beside, study.folder / "failed.ipynb")
        raise
    except OSError as error:
        raise full_disk(error, target.name) from error
    finally:
        beside.unlink(missing_ok=True)


def _sign(path: Path) -> None:
    """Let JupyterLab show the drawings of a notebook: it hides those of notebooks that its user has not executed."""
    import nbformat
    from nbformat.sign import NotebookNotary

    notary = NotebookNotary()
    notary.sign(nbformat.read(path, as_version=4))
    notary.store.close()


class _one_thread:
    """Numeric libraries on one thread in the kernels: the cores belong to the cases, and sums keep their order."""

    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "PYDEVD_DISABLE_FILE_VALIDATION")

    def __enter__(self) -> None:
        self.before = {name: os.environ.get(name) for name in self.names}
        os.environ.update(dict.fromkeys(self.names, "1"))

    def __exit__(self, *_: object) -> None:
        for name, value in self.before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


def provenance(study: Study, stages: Sequence[Stage]) -> Path:
    """Write run.json: parameters, versions, seed, hashes of inputs, notebooks and helpers, weights, timings, fits."""
    seconds = {name: held["seconds"] for name, held in _remembered(study).items()}
    record = {
        "study": study.name,
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "parameters": study.parameters.model_dump(mode="json"),
        "versions": {"radiogram": importlib.metadata.version("radiogram"), **versions()},
        "seed": study.parameters.seed,
        "inputs": inputs.fingerprint(study),
        "notebooks": {s.name: hashlib.sha256(_notebook(s.name).read_bytes()).hexdigest() for s in stages},
        "helpers": _foundation(study),
        "weights": _weights(study),
        "networks": _networks(study),
        "seconds": seconds,
        "kept": [s.name for s in stages if s.kept],
        "fits": _fits(study),
    }
    path = study.folder / "run.json"
    write_whole(path, lambda beside: beside.write_text(json.dumps(record, indent=1), encoding="utf-8"))
    return path


def _weights(study: Study) -> dict[str, Any] | None:
    if study.entry != "images" or not study.parameters.deep.enabled:
        return None
    from helpers.imaging import deep

    return deep.weights_record(study.parameters.deep)


def _networks(study: Study) -> list[dict[str, Any]]:
    """What each network started from, as its stage recorded it."""
    if "06_networks" not in study.parameters.notebooks:
        return []
    return study.tables.read("architectures").to_dict("records")


def _fits(study: Study) -> list[dict[str, Any]]:
    """Who was fitted on which patients: by fingerprint and number, never by name."""
    if not study.tables.exists("fits"):
        return []
    fits = study.tables.read("fits")
    fits = fits.assign(patients=fits["patients"].str.count("\n") + 1)
    return fits.to_dict("records")


def report(study_name: str, *, overrides: Sequence[str] = (), say: Callable[[str], None] = print) -> Path:
    """The whole way: check the input, execute what changed, stage, render, inspect. Returns the report's path.

    Raises RadiogramError for bad input and for a page that fails its inspection.
    """
    from helpers.cohort import enroll
    from helpers.learning import centers
    from helpers.reporting import build, stage

    lines = "\n".join(overrides)
    study = studies.load(study_name, overrides=lines)
    stage.require_notebooks(study, reports=studies.house() / "reports")
    inputs.require_weights(study)
    centers.require(enroll.enroll(study).cases, study.parameters)
    study.folder.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    with progress.relayed():
        stages = execute(study, study_name=study_name, overrides=lines, notebooks=study.parameters.notebooks, say=say)
    provenance(study, stages)
    rendering = time.monotonic()
    page = build.report(study, reports=studies.house() / "reports")
    say(f"report: {time.monotonic() - rendering:.1f} s")
    say(f"All in {time.monotonic() - started:.1f} s")
    return page
