"""Where everything came from: versions, seed, hashes, weights, timings and who was fitted on whom, from run.json."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

import pandas as pd
import yaml

from helpers import prose

SHORT = 16  # characters of a SHA-256 that are printed; run.json has them all


def provenance(run: Mapping[str, Any]) -> str:
    """run.json as Markdown tables; `run` is its content."""
    blocks = [
        f"Study `{run['study']}`, finished {run['finished'].replace('T', ' ').replace('+00:00', ' UTC')}, seed {run['seed']}. "
        f"Hashes are the first {SHORT} characters of SHA-256; the run's `run.json` holds them whole.",
        _table("Software", [(n, v) for n, v in run["versions"].items() if v != "absent"], ["Package", "Version"]),
        _table("Inputs", [(n, _hash(d)) for n, d in run["inputs"].items()], ["Input", "SHA-256"]),
        _table("Stages", _stages(run), ["Notebook", "SHA-256", "Seconds"]),
        f"Library code and everything the stages rest on: {_hash(run['helpers'])}.",
        _weights(run["weights"]),
        _table(
            "Networks", [_network(row) for row in run.get("networks", [])], ["Network", "Weights", "SHA-256", "License"]
        ),
        _folded("Every fitted object and the patients it saw", _fits(run["fits"])),
        _folded("Every parameter", f"```yaml\n{parameters(run['parameters'])}```"),
    ]
    return "\n\n".join(block for block in blocks if block) + "\n"


def _hash(digest: str) -> str:
    return f"`{digest[:SHORT]}`" if digest else "none"


def _table(heading: str, rows: list[tuple], columns: list[str]) -> str:
    if not rows:
        return ""
    return f"**{heading}**\n\n{prose.markdown_table(pd.DataFrame(rows, columns=columns), left=2)}"


def _stages(run: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    seconds = run["seconds"]
    return [(n, _hash(d), prose.number(seconds[n], 1) if n in seconds else "") for n, d in run["notebooks"].items()]


def _weights(weights: Mapping[str, str] | None) -> str:
    if not weights:
        return ""
    if not weights["sha256"]:
        return f"Network weights: {weights['name']}; {weights['source']}, without file or license."
    return f"Network weights: {weights['name']} ({weights['source']}), SHA-256 {_hash(weights['sha256'])}, license {weights['license']}."


def _network(row: Mapping[str, Any]) -> tuple[str, str, str, str]:
    return row["model"], row["weights"], _hash(row["sha256"] or ""), row["license"] or "none"


def _fits(fits: list[Mapping[str, Any]]) -> str:
    if not fits:
        return ""
    rows = [
        (fit["endpoint"], fit["object"], "all training" if fit["fold"] < 0 else f"without fold {fit['fold'] + 1}", fit["patients"],
         _hash(fit["fingerprint"]))
        for fit in fits
    ]  # fmt: skip
    columns = ["Endpoint", "Object", "Fitted on", "Patients", "Fingerprint"]
    return prose.markdown_table(pd.DataFrame(rows, columns=columns), left=2)


def parameters(values: Mapping[str, Any]) -> str:
    """Every parameter as YAML; a path is shown by its last name, as where it lies on one machine is nobody's business."""
    return yaml.safe_dump(_without_folders(values), sort_keys=False, allow_unicode=True, width=72)


def _without_folders(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _without_folders(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_without_folders(item) for item in value]
    if isinstance(value, str) and "://" not in value and PurePath(value).is_absolute():
        return PurePath(value).name
    return value


def _folded(heading: str, content: str) -> str:
    """A block that opens on demand, without a script."""
    if not content:
        return ""
    start = f'```{{=html}}\n<details class="folded"><summary>{heading}</summary>\n```'
    return f"{start}\n\n{content}\n\n```{{=html}}\n</details>\n```"
