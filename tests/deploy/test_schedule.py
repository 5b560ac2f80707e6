"""schedule: the job on the local Hub, what it runs, and the texts for cron and GitHub Actions."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from huggingface_hub import HfApi

from curation.config import Services, load_config
from curation.deploy.schedule import ScheduleReport, needed_keys, schedule
from curation.errors import ConfigError, MissingError, PaymentError
from curation.hub import connect
from curation.local import Stack
from tests.configs import write_config
from tests.conftest import CommandLine
from tests.flows.test_loop import always, published, pushed, review

pytestmark = pytest.mark.stack


def services_of(stack: Stack) -> Services:
    return Services.from_environment(stack.settings())


def jobs(stack: Stack, name: str) -> dict[str, dict[str, Any]]:
    """Return the scheduled jobs of a curation as the local Hub answers them, by their ids."""
    api: HfApi = connect(stack.hub.url, stack.hub.token)
    return {
        job.id: vars(job) for job in api.list_scheduled_jobs(labels={"curation": f"{name}-store"}, namespace="acme")
    }


def scheduled(stack: Stack, config: Path, *, every: str = "1h", renew: bool = False) -> ScheduleReport:
    return schedule(config, on="jobs", every=every, services=services_of(stack), package="curation==0.1.0", renew=renew)


def test_a_job_is_created_once_changed_when_the_schedule_changes_and_removed(cli: CommandLine, stack: Stack) -> None:
    name = "scheduled"
    config = write_config(cli.folder, name)
    with pytest.raises(MissingError, match="Run `curation generate` first"):
        scheduled(stack, config)
    cli.json("generate", str(config))
    rehearsal = cli.run("schedule", str(config), "--dry-run").stdout
    assert "730 runs a month of about 3 minutes (assumed) on cpu-basic: about $0.37 a month" in rehearsal
    assert jobs(stack, name) == {}
    assert stack.hub.token not in rehearsal

    first = scheduled(stack, config)
    [(job_id, job)] = jobs(stack, name).items()
    assert (first.job, first.changed, job["schedule"], job["concurrency"]) == (job_id, True, first.times, False)
    spec = job["job_spec"]
    assert (spec.docker_image, spec.flavor) == ("python:3.12", "cpu-basic")
    assert spec.environment == {"ARGILLA_API_URL": stack.argilla.url, "HF_ENDPOINT": stack.hub.url}
    keys = {"HF_TOKEN": stack.hub.token, "ARGILLA_API_KEY": stack.argilla.api_key}
    assert spec.secrets == {key: hashlib.sha256(value.encode()).hexdigest() for key, value in keys.items()}
    assert not any(value in json.dumps(spec.command) for value in keys.values())

    again = scheduled(stack, config)
    assert (again.changed, again.commit, list(jobs(stack, name))) == (False, None, [job_id])
    daily = scheduled(stack, config, every="1d")
    assert (daily.changed, daily.job) == (True, job_id)
    assert [job["schedule"] for job in jobs(stack, name).values()] == [daily.times]
    renewed = scheduled(stack, config, every="1d", renew=True)
    assert renewed.job != job_id
    assert list(jobs(stack, name)) == [renewed.job]

    # A config that changes goes into the store; the job runs what is there, and stays.
    config.write_text(config.read_text() + "\n[labels]\nmin_reviewers = 2\n")
    changed = scheduled(stack, config, every="1d")
    assert (changed.commit is not None, changed.job) == (True, renewed.job)

    assert f"{renewed.job}  {daily.times}" in cli.run("schedule", str(config), "--list").stdout
    # Whoever suspended a job during an incident finds it suspended.
    assert renewed.job is not None
    connect(stack.hub.url, stack.hub.token).suspend_scheduled_job(scheduled_job_id=renewed.job, namespace="acme")
    assert (scheduled(stack, config, every="1d").changed, list(jobs(stack, name))) == (False, [renewed.job])
    assert f"`hf jobs scheduled resume {renewed.job}`" in cli.run("schedule", str(config), "--list").stdout
    status = cli.json("status", str(config))
    assert status["schedules"] == [f"{renewed.job}  {daily.times}"] or renewed.job in status["schedules"][0]
    assert f"Scheduled: {status['schedules'][0]}." in cli.run("status", str(config)).stdout
    removed = " ".join(cli.run("schedule", str(config), "--remove").stdout.split())
    assert f"Removed the scheduled job {renewed.job}" in removed
    assert "Removed the folder schedule/ from its store." in removed
    files = connect(stack.hub.url, stack.hub.token).list_repo_files(f"acme/{name}-store", repo_type="dataset")
    assert "manifest.json" in files
    assert not [path for path in files if path.startswith("schedule/")]
    assert jobs(stack, name) == {}
    assert cli.json("schedule", str(config), "--remove")["emptied"] is False
    assert cli.json("status", str(config))["schedules"] == []
    assert "has no scheduled job" in cli.run("schedule", str(config), "--list").stdout


def test_the_command_of_a_job_refreshes_from_the_store_alone(cli: CommandLine, stack: Stack) -> None:
    name = "scheduled-run"
    config = Path(pushed(cli, name))
    review(stack, name, **{"simulated-one": always("a"), "simulated-two": always("a")})
    assert cli.json("schedule", str(config), "--every", "15m")["changed"]
    [job] = jobs(stack, name).values()
    spec = job["job_spec"]
    # A machine that starts empty, but for the program that pip would get from its index.
    machine, programs, site = cli.folder / "machine", cli.folder / "programs", cli.folder / "site"
    machine.mkdir()
    programs.mkdir()
    pip = f"{shlex.quote(sys.executable)} -m pip install --quiet --no-deps --no-index --target {shlex.quote(str(site))}"
    (programs / "python").write_text(
        "#!/bin/sh\n"
        f'case "$*" in *.whl) for last; do :; done; exec {pip} "$last";; *huggingface_hub) exit 0;; esac\n'
        f'PYTHONPATH={shlex.quote(str(site))} exec {shlex.quote(sys.executable)} "$@"\n'
    )
    (programs / "python").chmod(0o700)
    (programs / "hf").symlink_to(Path(sys.executable).parent / "hf")
    environment = {
        "PATH": f"{programs}:{os.environ['PATH']}",
        "HOME": str(machine),
        "NO_PROXY": "127.0.0.1",
        **spec.environment,
        "HF_TOKEN": stack.hub.token,
        "ARGILLA_API_KEY": stack.argilla.api_key,
    }
    done = subprocess.run(
        spec.command, cwd=machine, env=environment, capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "sync: 12 responses (12 submitted) to 6 records: 12 new" in done.stdout
    assert len(published(stack, cli.folder, name, "dpo")) == 6
    cli.run("schedule", str(config), "--remove")


def test_the_workflow_for_github_has_the_keys_as_secrets(cli: CommandLine, stack: Stack) -> None:
    name = "scheduled-github"
    config = write_config(cli.folder, name)
    cli.json("generate", str(config))
    api = connect(stack.hub.url, stack.hub.token)
    head = api.dataset_info(f"acme/{name}-store").sha
    rehearsal = cli.run("schedule", str(config), "--on", "github", "--every", "6h", "--dry-run").stdout
    assert re.search(
        r"Into the store would go: schedule/curation\.toml \(\d+ bytes\), .*\.whl", " ".join(rehearsal.split())
    )
    assert api.dataset_info(f"acme/{name}-store").sha == head
    report = cli.json("schedule", str(config), "--on", "github", "--every", "6h")
    assert {path.partition("/")[0] for path in report["into_store"]} == {"schedule"}
    workflow = yaml.safe_load(report["text"])
    # YAML 1.1 reads "on" as true.
    assert workflow[True]["schedule"] == [{"cron": report["times"]}]
    [_, step] = workflow["jobs"]["refresh"]["steps"]
    assert step["env"] == {
        "ARGILLA_API_URL": stack.argilla.url,
        "HF_ENDPOINT": stack.hub.url,
        "HF_TOKEN": "${{ secrets.HF_TOKEN }}",
        "ARGILLA_API_KEY": "${{ secrets.ARGILLA_API_KEY }}",
    }
    assert step["run"].splitlines()[-1] == "exec python -m curation refresh curation.toml"
    assert stack.hub.token not in report["text"]


def test_the_line_for_cron_runs_the_config_where_it_is(stack: Stack, tmp_path: Path) -> None:
    folder = tmp_path / "50% of it"
    folder.mkdir()
    config = write_config(folder, "scheduled-cron")
    report = schedule(config, on="cron", every="1h", services=services_of(stack))
    assert report.text is not None
    line = report.text.splitlines()[-1]
    assert line.startswith(f"{report.times} cd ")
    assert "50\\% of it" in line
    # cron runs the command with its percent signs as they were.
    command = line.removeprefix(report.times).replace("\\%", "%")
    (folder / "curation.env").write_text("HF_ENDPOINT=http://127.0.0.1:9\nCURATION_PATIENCE=1\n")
    done = subprocess.run(["/bin/sh", "-c", command], env={"PATH": "/usr/bin:/bin"}, timeout=300, check=False)
    assert done.returncode == 3
    assert "http://127.0.0.1:9 did not answer" in (folder / "scheduled-cron.log").read_text()
    (folder / "curation.env").chmod(0o640)
    with pytest.raises(ConfigError, match=r"Others on this machine may read .*chmod 600"):
        schedule(config, on="cron", every="1h", services=services_of(stack))


def test_what_is_missing_is_said_before_anything_is_written(stack: Stack, tmp_path: Path) -> None:
    config = write_config(tmp_path, "scheduled-missing")
    without = services_of(stack).model_copy(update={"argilla_api_key": None})
    with pytest.raises(ConfigError, match="ARGILLA_API_KEY not set, and a refresh needs it"):
        schedule(config, on="jobs", every="1h", services=without)


@pytest.mark.parametrize("address", ["http://127.0.0.1:6900", "http://localhost:6900", "http://[::1]:6900"])
def test_an_argilla_that_a_job_does_not_reach_is_refused(address: str, tmp_path: Path) -> None:
    config = load_config(write_config(tmp_path, "scheduled-here"))
    keys = {"hub_token": "hf_x", "argilla_api_key": "key"}
    with pytest.raises(ConfigError, match="no other machine reaches an Argilla on this one"):
        needed_keys(config, Services(argilla_api_url=address, **keys))
    there = Services(argilla_api_url="https://acme-review.hf.space", **keys)
    assert needed_keys(config, there) == {"HF_TOKEN": "hf_x", "ARGILLA_API_KEY": "key"}


def test_a_hub_that_wants_to_be_paid_says_what_costs_nothing(cli: CommandLine, stack: Stack) -> None:
    config = write_config(cli.folder, "scheduled-unpaid")
    cli.json("generate", str(config))
    stack.hub.fail("^/api/scheduled-jobs/acme$", status=402, body={"error": "Jobs need PRO"})
    said: list[str] = []
    with pytest.raises(PaymentError, match=r"paid plan or credit for jobs of acme \(402\).*What costs nothing: `--on"):
        schedule(config, on="jobs", every="1h", services=services_of(stack), say=said.append)
    assert "about $0.37 a month" in " ".join(said)
    stack.hub.clear_faults()
    assert jobs(stack, "scheduled-unpaid") == {}
