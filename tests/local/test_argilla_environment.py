"""The virtual environment of argilla-server: made once, again after an interruption, and explained when it fails."""

from __future__ import annotations

import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from curation.errors import ServiceError
from curation.local.argilla import server_python
from curation.local.argilla.environment import MARKER, REQUIREMENTS

pytestmark = pytest.mark.stack


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def nothing(cache: Path) -> Path:
    """Requirements that need no network."""
    path = cache / "nothing.txt"
    path.write_text("pip\n")
    return path


def test_the_environment_is_installed_once_however_many_ask_for_it(
    cache: Path, nothing: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(lambda _: server_python(cache=cache, requirements=nothing), range(2))
    assert first == second == server_python(cache=cache, requirements=nothing)
    assert subprocess.run([first, "-c", "import pip"], check=False).returncode == 0
    printed = capfd.readouterr()
    assert printed.out == ""
    assert printed.err.count("Installing argilla-server") == 1


def test_an_interrupted_installation_is_done_again(cache: Path, nothing: Path) -> None:
    folder = server_python(cache=cache, requirements=nothing).parent.parent
    (folder / MARKER).unlink()
    (folder / "half").touch()
    assert server_python(cache=cache, requirements=nothing).parent.parent == folder
    assert not (folder / "half").exists()
    assert (folder / MARKER).exists()


def test_uv_installs_if_it_is_present_and_pip_if_uv_fails(
    nothing: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Told by what each leaves: uv names itself in pyvenv.cfg."""
    if not (Path(sys.executable).with_name("uv").exists() or shutil.which("uv")):
        pytest.skip("needs uv")
    by_uv = server_python(cache=tmp_path / "uv", requirements=nothing)
    assert "\nuv = " in (by_uv.parent.parent / "pyvenv.cfg").read_text()
    monkeypatch.setenv("UV_OFFLINE", "1")
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "empty"))
    by_pip = server_python(cache=tmp_path / "pip", requirements=nothing)
    assert "\nuv = " not in (by_pip.parent.parent / "pyvenv.cfg").read_text()
    assert subprocess.run([by_pip, "-c", "import pip"], check=False).returncode == 0


def test_a_failed_installation_names_the_cause_the_log_and_the_remedy(cache: Path, nothing: Path) -> None:
    """It is in a folder of its own, since the folder is named after the requirements."""
    wrong = cache / "wrong.txt"
    wrong.write_text(f"{cache}/missing.whl\n")
    with pytest.raises(ServiceError, match="could not be installed") as caught:
        server_python(cache=cache, requirements=wrong)
    [log] = [each for each in cache.glob("argilla-server-*.log") if "missing.whl" in each.read_text()]
    assert str(log) in str(caught.value)
    assert not (log.with_suffix("") / MARKER).exists()
    assert (server_python(cache=cache, requirements=nothing).parent.parent / MARKER).exists()


def test_the_cache_folder_can_be_set(cache: Path, nothing: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    python = server_python(cache=cache, requirements=nothing)
    monkeypatch.setenv("CURATION_CACHE", str(cache))
    assert server_python(requirements=nothing) == python


def test_every_requirement_is_pinned() -> None:
    lines = REQUIREMENTS.read_text().splitlines()
    assert "argilla-server==2.8.0" in lines
    assert all(line.count("==") == 1 for line in lines)
