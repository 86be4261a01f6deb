"""What this machine has, and what a study would miss on it."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from helpers import cluster, run
from helpers import study as studies


def diagnose() -> Iterator[str]:
    """One line a finding."""
    yield f"Python {platform.python_version()} on {platform.system()} {platform.machine()}"
    for package, version in run.versions().items():
        yield f"{package} {version}"
    yield _quarto()
    yield _pandoc()
    yield _accelerator()
    yield from _weights()
    execution = studies.load("demo").parameters.execution
    yield f"Cores: {cluster.workers(execution)} for cases; memory: {_memory_gigabytes():.0f} GB"
    yield f"Disk: {shutil.disk_usage(studies.house()).free / 1e9:.0f} GB free where runs are kept"


def _quarto() -> str:
    path = os.environ.get("QUARTO_PATH") or shutil.which("quarto")
    if not path:
        return "Quarto: not installed; reports are rendered by Pandoc (same sections, figures and numbers)"
    try:
        version = subprocess.run(
            [path, "--version"], capture_output=True, text=True, timeout=60, check=True
        ).stdout.strip()
    except (OSError, subprocess.SubprocessError) as error:
        return f"Quarto: {path} does not run ({error})"
    return f"Quarto {version}"


def _pandoc() -> str:
    import pypandoc

    return f"Pandoc {pypandoc.get_pandoc_version()}"


def _accelerator() -> str:
    import torch

    return (
        f"GPU: {torch.cuda.get_device_name(0)}"
        if torch.cuda.is_available()
        else "GPU: none; networks run on the processor"
    )


def _weights() -> Iterator[str]:
    """What each shipped study that uses a network would load."""
    for name in studies.shipped():
        study = studies.load(name)
        weights = study.parameters.deep.weights
        if study.entry == "images" and study.parameters.deep.enabled:
            yield f"Weights of {name}: {weights}{_there(weights)}"
        for network in study.parameters.networks.models if "06_networks" in study.parameters.notebooks else ():
            if network.weights != "random":
                yield f"Weights of {name}, {network.name}: {network.weights}{_there(network.weights)}"


def _there(weights: str) -> str:
    return "" if weights in ("random", "imagenet", "pretrained") or Path(weights).is_file() else " (no such file)"


def _memory_gigabytes() -> float:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
