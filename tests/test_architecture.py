"""The house keeps its shape: rooms in order, notebooks clean, one source of requirements."""

from __future__ import annotations

import ast
import json
import re
import tomllib

import pytest
import yaml
from packaging.requirements import Requirement

from helpers.study import load

TOP = [
    "errors",
    "tables",
    "parameters",
    "study",
    "prose",
    "isolated",
    "processes",
    "isolation",
    "handing",
    "progress",
    "cluster",
]
ROOMS = ["statistics", "cohort", "imaging", "learning", "evaluation", "figures", "reporting"]
BOTTOM = ["run", "scaffold", "checking", "doctor", "surveyed", "surveying", "cli"]
ORDER = {name: level for level, name in enumerate([*TOP, *ROOMS, *BOTTOM])}


def imports(path, package):
    """Rooms of `helpers` that a module imports, relative imports resolved."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (a.name.split(".")[1] for a in node.names if a.name.startswith("helpers."))
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module and node.module.startswith("helpers"):
            parts = node.module.split(".")
            yield from [parts[1]] if len(parts) > 1 else [a.name for a in node.names]


def test_a_room_imports_only_from_rooms_above_it(house):
    root = house / "src" / "helpers"
    wrong = []
    for path in root.rglob("*.py"):
        room = path.relative_to(root).parts[0].removesuffix(".py")
        if room != "__init__":
            wrong += [
                f"{path.name} ({room}) imports {other}" for other in imports(path, room) if ORDER[other] > ORDER[room]
            ]
    assert not wrong


def test_statistics_know_nothing_of_ours(house):
    for path in (house / "src/helpers/statistics").glob("*.py"):
        assert set(imports(path, "statistics")) <= {"statistics"}, path.name


def test_only_one_module_knows_dask(house):
    found = [
        p.name
        for p in (house / "src").rglob("*.py")
        if re.search(r"^\s*(import|from) (dask|distributed)", p.read_text(), re.M)
    ]
    assert found == ["cluster.py"]


def test_no_module_branches_on_the_name_of_a_study(house):
    found = [
        p.name
        for p in (house / "src").rglob("*.py")
        if re.search(r"(study|name) == [\"'](demo|sts|ucsf|dlrn)", p.read_text())
    ]
    assert not found


def test_no_function_is_longer_than_a_page(house):
    long = []
    for path in (house / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef):
                doc = ast.get_docstring(node, clean=False) or ""
                lines = node.end_lineno - node.lineno + 1 - (doc.count("\n") + 1 if doc else 0)
                if lines > 45:
                    long.append(f"{path.name}:{node.name} {lines}")
    assert not long


def notebooks(house):
    return {p.name: json.loads(p.read_text()) for p in sorted((house / "notebooks").glob("*.ipynb"))}


def code_cells(notebook):
    return [c for c in notebook["cells"] if c["cell_type"] == "code"]


def test_notebooks_are_committed_clean(house):
    for name, notebook in notebooks(house).items():
        for cell in code_cells(notebook):
            assert not cell["outputs"] and cell["execution_count"] is None, name
            assert "injected-parameters" not in cell["metadata"].get("tags", []), name
        assert set(notebook["metadata"]) <= {"kernelspec", "language_info"}, name


def test_notebooks_define_nothing(house):
    for name, notebook in notebooks(house).items():
        for cell in code_cells(notebook):
            for node in ast.walk(ast.parse("".join(cell["source"]))):
                assert not isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Lambda), name


def test_notebooks_begin_with_scalar_parameters_and_a_default_that_runs(house):
    for name, notebook in notebooks(house).items():
        first = code_cells(notebook)[0]
        assert first["metadata"]["tags"] == ["parameters"], name
        assigned = {node.targets[0].id: node.value.value for node in ast.parse("".join(first["source"])).body}
        assert set(assigned) == {"study", "overrides"} and assigned["overrides"] == "", name
        assert name.removesuffix(".ipynb") in load(assigned["study"]).parameters.notebooks, name


def test_every_notebook_opens_itself(house):
    for name, notebook in notebooks(house).items():
        assert f'stage="{name.removesuffix(".ipynb")}"' in "".join(code_cells(notebook)[1]["source"]), name


def labels(house):
    found = {}
    for name, notebook in notebooks(house).items():
        for cell in code_cells(notebook):
            for label in re.findall(r"^#\| label: (\S+)", "".join(cell["source"]), re.M):
                found[label] = name
    return found


def test_labelled_cells_do_nothing_else(house):
    for name, notebook in notebooks(house).items():
        for cell in code_cells(notebook):
            source = "".join(cell["source"])
            if "#| label:" in source:
                assert source.startswith("#| label:") and len(ast.parse(source).body) == 1, name


def test_every_embed_of_a_section_finds_its_cell(house):
    known = labels(house)
    for path in (house / "reports").rglob("*.qmd"):
        for notebook, label in re.findall(r"embed notebooks/(\S+\.ipynb)#(\S+)", path.read_text()):
            assert known.get(label) == notebook, f"{path.name}: {label}"


def test_requirements_pin_everything_the_project_asks_for(house):
    project = tomllib.loads((house / "pyproject.toml").read_text())["project"]
    asked = [Requirement(r) for r in [*project["dependencies"], *project["optional-dependencies"]["dev"]]]
    lines = [line.split(";")[0].strip() for line in (house / "requirements.txt").read_text().splitlines()]
    pins = {n.split("[")[0].lower().replace("_", "-"): v for n, v in (line.split("==") for line in lines if line)}
    for requirement in asked:
        assert requirement.specifier.contains(pins[requirement.name.lower()]), requirement.name


def test_conda_installs_the_same_pins(house):
    environment = yaml.safe_load((house / "environment.yml").read_text())
    plain = [d for d in environment["dependencies"] if isinstance(d, str)]
    pip = next(d["pip"] for d in environment["dependencies"] if isinstance(d, dict))
    assert pip == ["-r requirements.txt", "-e ."]
    assert "python=3.11" in plain and "quarto" in plain
    numpy = next(line for line in (house / "requirements.txt").read_text().splitlines() if line.startswith("numpy=="))
    assert numpy.split("==")[1].startswith(next(d for d in plain if d.startswith("numpy")).split("=")[1])


def test_nothing_committed_names_a_registry_or_this_machine(house):
    for name in ("requirements.txt", "environment.yml", "pyproject.toml", "Makefile"):
        assert not re.search(r"https?://|/root/|--index-url", (house / name).read_text()), name


@pytest.mark.parametrize("name", ["README.md"])
def test_the_readme_is_a_map(house, name):
    assert len((house / name).read_text().splitlines()) <= 80
