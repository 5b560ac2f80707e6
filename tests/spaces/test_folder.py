"""The folder of the review Space: what its files say fits together. (Docker is not run in tests.)"""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import yaml

from curation.deploy.folders import space_files
from curation.review_space import SNAPSHOTS

FOLDER = Path(__file__).parents[2] / "spaces" / "argilla"


def start_command() -> list[str]:
    [line] = [line for line in (FOLDER / "Dockerfile").read_text().splitlines() if line.startswith("CMD ")]
    return list(json.loads(line.removeprefix("CMD ")))


def test_the_database_is_on_the_local_disk_and_snapshots_are_where_the_check_looks() -> None:
    command = start_command()
    assert command[:2] == ["python", "snapshots.py"]
    assert command[command.index("--database") + 1] == "/home/argilla/reviews/argilla.db"
    assert f"{command[command.index('--snapshots') + 1]}/" == SNAPSHOTS
    # The image's own command (argilla-server/docker/argilla-hf-spaces) runs under the script.
    assert command[command.index("--") + 1 :] == ["/bin/bash", "start.sh"]
    dockerfile = (FOLDER / "Dockerfile").read_text()
    assert "ENV ARGILLA_HOME_PATH=/home/argilla/reviews\n" in dockerfile
    assert "ENV REINDEX_DATASETS=1\n" in dockerfile


def test_argilla_is_started_with_the_list_of_responses() -> None:
    dockerfile = (FOLDER / "Dockerfile").read_text()
    # The image's start_argilla_server.sh runs `python -m uvicorn $UVICORN_APP` in /home/argilla.
    assert "COPY review_app.py /home/argilla/review_app.py\nENV UVICORN_APP=review_app:app\n" in dockerfile


def test_the_folder_as_it_is_lets_nobody_sign_in() -> None:
    assert yaml.safe_load((FOLDER / ".oauth.yaml").read_text()) == {"providers": []}


def test_the_compose_file_keeps_the_snapshots_and_listens_on_this_machine_alone() -> None:
    compose = yaml.safe_load((FOLDER / "compose.yaml").read_text())
    review = compose["services"]["review"]
    assert review["volumes"] == ["reviews:/data"]
    assert "reviews" in compose["volumes"]
    assert review["ports"] == ["127.0.0.1:6900:6900"]
    assert set(review) <= {*("build", "restart", "stop_grace_period", "ports", "env_file", "environment", "volumes")}


def test_the_wheel_brings_the_spaces() -> None:
    project = tomllib.loads((FOLDER.parents[1] / "pyproject.toml").read_text())
    assert project["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]["spaces"] == "curation/spaces"


def test_the_package_has_the_whole_space_without_what_is_for_a_server_of_ones_own() -> None:
    assert set(space_files("argilla")) == {*(".oauth.yaml", "Dockerfile", "README.md", "review_app.py", "snapshots.py")}
