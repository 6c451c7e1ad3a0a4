"""The rules of the house, read from the code: who imports whom, what stays behind which door."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from fnmatch import fnmatch
from functools import cache
from pathlib import Path

import pytest

from saccade import PACKAGES

ROOT = Path(__file__).resolve().parents[1]

MAY_IMPORT = {
    "sims": set(),
    "video": {"sims"},
    "policies": set(),
    "training": {"policies"},
    "configs": {"sims", "video", "policies", "training"},
    "scripts": {"sims", "video", "policies", "training", "configs"},
    "saccade.py": set(),
}
"""What each package may import of ours beside itself and `saccade`, which holds no behaviour."""

DECODING = ("video/reader.py", "video/decoding/*")
MODELS = (
    "policies/engines/*",
    "policies/chat.py",
    "policies/checkpoints.py",
    "policies/tiny.py",
    "policies/tiny_tokenizer.py",
)
DOORS = {
    "mujoco": ("sims/*",),
    "pybullet": ("sims/*",),
    "av": (
        *DECODING,
        "video/synthetic/encoding.py",
        "training/recording.py",
        "training/lerobot/videos.py",
    ),
    "decord": DECODING,
    "torchcodec": DECODING,
    "transformers": MODELS,
    "vllm": MODELS,
    "peft": ("training/lora.py",),
    "ray": ("training/ray_*.py",),
    "tensorboard": ("training/tensorboard_mirror.py",),
    "verl": ("training/adapters/verl.py",),
    "hydra": ("scripts/*", "configs/*"),
    "omegaconf": ("scripts/*", "configs/*"),
}
"""Heavy library -> the only files that may import it (`*` crosses folders)."""

NO_TORCH = (
    "sims/*",
    "training/episode.py",
    "training/rollout.py",
    "training/recording.py",
    "training/report.py",
    "training/run_directory.py",
    "training/statistics.py",
    "policies/interface.py",
    "policies/scripted.py",
    "policies/replies.py",
)
"""What a rollout of the expert and a film of it are made of, on a machine without torch."""

LIGHT_MODULES = (
    "sims",
    "policies.interface",
    "policies.scripted",
    "policies.replies",
    "training.episode",
    "training.rollout",
    "training.recording",
    "training.report",
)
HEAVY_WHEN_IMPORTED = {"torch", "transformers", "mujoco", "pybullet", "ray", "vllm", "hydra"}

MAX_FUNCTION_LINES = 60
MAX_FILE_LINES = 400


def sources(*folders: str) -> list[str]:
    """Python files under the folders, relative to the root."""
    files = [file for folder in folders for file in (ROOT / folder).rglob("*.py")]
    return sorted(file.relative_to(ROOT).as_posix() for file in files)


OURS = [*sources(*PACKAGES), "saccade.py"]
EVERYTHING = [*OURS, *sources("tests", "examples")]


@cache
def tree_of(path: str) -> ast.Module:
    return ast.parse((ROOT / path).read_text(encoding="utf-8"), path)


def imported_modules(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """(line, dotted module) of every import in a file: those in functions and by name included."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield node.lineno, node.module or ""
        elif isinstance(node, ast.Call) and node.args:
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            first = node.args[0]
            if name in ("import_module", "__import__") and isinstance(first, ast.Constant):
                yield node.lineno, str(first.value)


def imports(paths: list[str]) -> Iterator[tuple[str, str, str]]:
    """(place, file, top-level name) of every import in the files."""
    for path in paths:
        for line, module in imported_modules(tree_of(path)):
            yield f"{path}:{line} imports {module}", path, module.partition(".")[0]


def matches(path: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatch(path, pattern) for pattern in patterns)


def test_packages_import_only_what_the_house_allows() -> None:
    wrong = [
        place
        for place, path, name in imports(OURS)
        if name in {*PACKAGES, "tests", "examples"}
        and name != path.partition("/")[0]
        and name not in MAY_IMPORT[path.partition("/")[0]]
    ]
    assert wrong == []


def test_heavy_libraries_stay_behind_their_doors() -> None:
    wrong = [
        f"{place}; only in {', '.join(DOORS[name])}"
        for place, path, name in imports(OURS)
        if name in DOORS and not matches(path, DOORS[name])
    ]
    assert wrong == []


def test_light_files_import_no_torch() -> None:
    wrong = [
        place
        for place, path, name in imports(OURS)
        if name in ("torch", "torchvision") and matches(path, NO_TORCH)
    ]
    assert wrong == []


def test_the_reader_of_imports_sees_every_kind() -> None:
    source = """
    import a.b
    from c.d import e
    def f():
        import g
        importlib.import_module("h.i")
    """
    tree = ast.parse(textwrap.dedent(source))
    assert [name for _, name in sorted(imported_modules(tree))] == ["a.b", "c.d", "g", "h.i"]


def test_light_modules_load_nothing_heavy() -> None:
    existing = [m for m in LIGHT_MODULES if f"{m.replace('.', '/')}.py" in OURS or m in PACKAGES]
    code = (
        f"import importlib, sys\nfor name in {existing!r}: importlib.import_module(name)\n"
        f"print(sorted({HEAVY_WHEN_IMPORTED!r} & sys.modules.keys()))"
    )
    result = run_python(code, cwd=ROOT)
    assert (result.stdout, result.stderr) == ("[]\n", "")


def functions(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def test_functions_fit_a_screen() -> None:
    long = [
        f"{path}:{node.lineno} {node.name} has {lines} lines"
        for path in EVERYTHING
        for node in functions(tree_of(path))
        if (lines := (node.end_lineno or node.lineno) - node.lineno + 1) > MAX_FUNCTION_LINES
    ]
    assert long == []


def test_files_hold_one_idea() -> None:
    lengths = {path: (ROOT / path).read_text().count("\n") for path in EVERYTHING}
    assert {path: lines for path, lines in lengths.items() if lines > MAX_FILE_LINES} == {}


def test_everything_public_has_a_docstring() -> None:
    bare = [
        f"{path}:{getattr(node, 'lineno', 1)} {getattr(node, 'name', 'module')}"
        for path in OURS
        for node in [tree_of(path), *tree_of(path).body]
        if isinstance(node, ast.Module | ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        and not getattr(node, "name", "").startswith("_")
        and not ast.get_docstring(node)
    ]
    assert bare == []


def run_python(
    code: str, cwd: Path, *flags: str, path: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run Python in `cwd`, whose folders win over those on `path`, as in a user's own project."""
    return subprocess.run(
        [sys.executable, *flags, "-c", code],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(path or ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.fixture
def copy_of_the_suite(tmp_path: Path) -> Path:
    """The suite's packages, each with nothing but its check, in a folder of their own."""
    suite = tmp_path / "suite"
    suite.mkdir()
    (suite / "saccade.py").write_text((ROOT / "saccade.py").read_text())
    for name in PACKAGES:
        (suite / name).mkdir()
        needs = tuple(sorted(MAY_IMPORT[name]))
        (suite / name / "__init__.py").write_text(
            f"from saccade import check_siblings\ncheck_siblings(__file__, needs={needs!r})\n"
        )
    return suite


@pytest.fixture
def users_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "user"
    folder.mkdir()
    return folder


@pytest.mark.parametrize("package", PACKAGES)
def test_packages_beside_each_other_are_accepted(
    package: str, copy_of_the_suite: Path, users_folder: Path
) -> None:
    result = run_python(f"import {package}", users_folder, path=copy_of_the_suite)
    assert (result.returncode, result.stderr) == (0, "")


@pytest.mark.parametrize("file", ["policies/__init__.py", "policies.py"])
def test_a_shadowed_package_that_is_needed_is_an_error(
    file: str, copy_of_the_suite: Path, users_folder: Path
) -> None:
    (users_folder / file).parent.mkdir(exist_ok=True)
    (users_folder / file).write_text("")
    result = run_python("import training", users_folder, path=copy_of_the_suite)
    assert result.returncode != 0
    shadow = users_folder / file.removesuffix("/__init__.py")
    assert f"ImportError: the package 'policies' of Saccade ({copy_of_the_suite}" in result.stderr
    assert f"is shadowed by {shadow}: rename" in result.stderr


def test_a_shadowed_package_that_is_not_needed_is_a_warning(
    copy_of_the_suite: Path, users_folder: Path
) -> None:
    (users_folder / "training.py").write_text("")
    result = run_python("import sims; print(sims.__name__)", users_folder, path=copy_of_the_suite)
    assert (result.returncode, result.stdout) == (0, "sims\n")
    assert f"the package 'training' of Saccade ({copy_of_the_suite}" in result.stderr
    assert f"is shadowed by {users_folder / 'training.py'}" in result.stderr


def test_a_folder_of_films_called_video_shadows_nothing(
    copy_of_the_suite: Path, users_folder: Path
) -> None:
    (users_folder / "video").mkdir()
    (users_folder / "video" / "holiday.mp4").write_bytes(b"")
    result = run_python("import scripts", users_folder, path=copy_of_the_suite)
    assert (result.returncode, result.stderr) == (0, "")


@pytest.mark.parametrize("package", PACKAGES)
def test_every_package_checks_its_siblings(package: str) -> None:
    source = (ROOT / package / "__init__.py").read_text()
    needs = sorted(MAY_IMPORT[package])
    calls = [
        node
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "check_siblings"
    ]
    assert len(calls) == 1, f"{package}/__init__.py does not call saccade.check_siblings"
    named = {k.arg: ast.literal_eval(k.value) for k in calls[0].keywords}
    assert sorted(named.get("needs", ())) == needs
