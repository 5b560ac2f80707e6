"""The wheel that is packed from the package that runs here installs elsewhere, and is the same each time."""

from __future__ import annotations

import io
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from curation.deploy.wheel import pack_wheel

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_the_wheel_has_all_files_of_the_package_and_no_others() -> None:
    wheel = pack_wheel()
    assert wheel == pack_wheel()
    names = set(zipfile.ZipFile(io.BytesIO(wheel.content)).namelist())
    kept = [path.relative_to(ROOT) for path in (ROOT / "curation").rglob("*.py")]
    assert names >= {path.as_posix() for path in kept}
    assert {"curation/py.typed", "curation/pipelines/preference.toml", "curation/spaces/argilla/Dockerfile"} <= names
    assert {"METADATA", "licenses/LICENSE"} <= {name.partition(".dist-info/")[2] for name in names}
    assert not [name for name in names if "__pycache__" in name or name.startswith("tests/")]


@pytest.mark.slow
def test_the_wheel_installs_and_its_program_runs(tmp_path: Path) -> None:
    wheel = pack_wheel()
    (tmp_path / wheel.name).write_bytes(wheel.content)
    install = ["pip", "install", "--quiet", "--no-deps", "--no-index"]
    subprocess.run(
        [sys.executable, "-m", *install, "--target", tmp_path / "site", tmp_path / wheel.name], check=True, timeout=120
    )
    assert (tmp_path / "site" / "bin" / "curation").is_file()
    run = [sys.executable, "-c", "import curation; print(curation.__file__); from curation.cli import main; main()"]
    done = subprocess.run(
        [*run, "recipes"], cwd=tmp_path / "site", capture_output=True, text=True, timeout=120, check=True
    )
    assert done.stdout.splitlines()[0] == str(tmp_path / "site" / "curation" / "__init__.py")
    assert "haiku_kto" in done.stdout
