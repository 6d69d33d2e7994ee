"""Rules of the house that would erode without a check (house.md 2, 5; style.md J)."""

import ast
import re
import subprocess
from pathlib import Path

import pytest
from conftest import ROOT

PACKAGES = ("ledger", "registry", "loans", "guarantees", "solar", "scheduling", "statements", "app")
MODULES = [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]
FORBIDDEN_NAMES = {"utils.py", "service.py", "helpers.py", "manager.py"}
MOST_LINES, MOST_FUNCTION_LINES = 400, 60


def names(paths: list[Path]) -> list[str]:
    return [str(path.relative_to(ROOT)) for path in paths]


def calls(path: Path) -> list[ast.Call]:
    return [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]


@pytest.mark.parametrize("path", MODULES, ids=names(MODULES))
def test_modules_and_functions_are_small_and_open_with_their_noun(path: Path) -> None:
    text = path.read_text()
    tree = ast.parse(text)
    assert ast.get_docstring(tree), "a module opens by defining its noun"
    assert len(text.splitlines()) <= MOST_LINES
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            assert (node.end_lineno or 0) - node.lineno + 1 <= MOST_FUNCTION_LINES, node.name


def test_no_module_is_named_for_a_pattern() -> None:
    assert not [path for path in MODULES if path.name in FORBIDDEN_NAMES]


def test_only_the_edge_commits() -> None:
    for path in MODULES:
        if path == ROOT / "ledger" / "db.py":
            continue
        found = [c.func.attr for c in calls(path) if isinstance(c.func, ast.Attribute) and c.func.attr == "commit"]
        assert not found, path


def test_no_float_touches_money() -> None:
    allowed = {"statements"}  # a layout has coordinates
    for path in MODULES:
        if path.relative_to(ROOT).parts[0] not in allowed:
            assert not [c for c in calls(path) if isinstance(c.func, ast.Name) and c.func.id == "float"], path


def test_nothing_below_app_reads_the_clock_or_the_environment() -> None:
    for path in MODULES:
        top = path.relative_to(ROOT).parts[0]
        if top == "app":
            continue
        text = path.read_text()
        assert not re.search(r"date\.today\(|datetime\.now\(|os\.environ|os\.getenv", text), path


def test_the_layout_library_is_imported_in_one_place() -> None:
    users = [path for path in MODULES if re.search(r"^\s*(from|import) reportlab", path.read_text(), re.MULTILINE)]
    assert names(users) == ["statements/page.py"]


def test_no_file_names_a_registry_host_or_a_place_on_a_machine() -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    for name in listed:
        if name == "tests/test_architecture.py":
            continue
        text = (ROOT / name).read_text(encoding="utf-8", errors="ignore")
        assert not re.search(
            r"--index-url|--extra-index-url|--find-links|//pypi\.|//files\.pythonhosted", text.replace(r"\.", "")
        ), name


def test_every_decision_names_the_check_that_guards_it() -> None:
    decisions = sorted((ROOT / "docs" / "decisions").glob("[0-9]*.md"))
    assert decisions
    for number, path in enumerate(decisions, start=1):
        text = path.read_text()
        assert path.name.startswith(f"{number:04}-"), "decisions are numbered without a gap"
        assert 12 <= len(text.splitlines()) <= 60, path.name
        guards = re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", text)
        assert guards, f"{path.name} names no check"
        for file, test in guards:
            assert (ROOT / file).exists(), f"{path.name}: {file}"
            assert not test or f"def {test}" in (ROOT / file).read_text(), f"{path.name}: {test}"
