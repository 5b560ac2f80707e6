"""The demo: all steps from prompts to datasets on this machine, with a small real model and simulated reviewers."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from contextlib import AbstractContextManager
from importlib.resources import as_file, files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import curation
from curation import generation
from curation.errors import RefusedError
from curation.hub import connect, hub_errors
from curation.local.reviewers import simulate_reviewers
from curation.local.stack import USER, Stack
from curation.scratch import scratch_folder

if TYPE_CHECKING:
    from curation.config import Config

Say = Callable[[str], None]

PROGRESS_SECONDS = 5.0
"""While models answer, a line says every so many seconds how far they are."""

CONFIG = f"""\
name = "demo"

[prompts]
type = "hub"
repo_id = "{USER}/demo-prompts"

[[generators]]
model_id = "smollm2-135m"
name = "smollm2-cool"
temperature = 0.2
max_new_tokens = 40

[[generators]]
model_id = "smollm2-135m"
name = "smollm2-warm"
temperature = 1.0
max_new_tokens = 40

[judge]
type = "ultrafeedback"
model_id = "smollm2-135m-judge"
max_new_tokens = 120

[publish]
repo_id = "{USER}/demo"

[store]
repo_id = "{USER}/demo-store"
"""

NOISE = (
    "A model of 135M parameters cannot judge: its ratings are noise, and the simulated reviewers look at lengths only. "
    'The rows are marked label_source = "simulated"; they show the format, not quality.'
)


def run_demo(folder: Path | None, *, stay: bool, say: Say) -> None:
    """Run all steps in `folder` (a temporary folder if None) and show the first row of each dataset.

    With `stay` the servers run until Ctrl-C, so that the user can review in the browser and sync again.
    """
    if folder is not None:
        return _demo(folder, stay=stay, say=say)
    with scratch_folder() as temporary:
        return _demo(temporary, stay=stay, say=say)


def _demo(folder: Path, *, stay: bool, say: Say) -> None:
    say(f"All files of the demo are in {folder}; nothing leaves this machine.")
    stack = Stack(folder, tied=True)
    try:
        stack.begin(say=say)
        # huggingface_hub and datasets read these variables when they are imported, so they are set first.
        os.environ.update(stack.settings_without_argilla(), HF_HOME=str(stack.folder / "hf"))
        config_file = stack.folder / "demo.toml"
        config_file.write_text(CONFIG, encoding="utf-8")
        _loop(stack, config_file, say)
        _say_where(stack, config_file, say, stay=stay)
        if stay:
            _wait_for_ctrl_c(say)
    finally:
        stack.down()
    say("Stopped.")


def _loop(stack: Stack, config_file: Path, say: Say) -> None:
    config = curation.load_config(config_file)
    say("1/6 Uploading 20 prompts to the local Hub.")
    _upload_prompts(stack)
    say("2/6 generate: SmolLM2-135M-Instruct answers with two settings, and rates the answers (about a minute).")
    _tell(curation.generate(config, watch=lambda meter: _followed(meter, say)), say)
    say("3/6 push: creates the records in Argilla.")
    os.environ.update(stack.wait().settings())
    _tell(curation.push(config), say)
    say("4/6 Three simulated reviewers answer through Argilla's API; one of them is contrary.")
    answers = simulate_reviewers(stack.argilla, workspace=config.review.workspace, dataset=config.review_dataset)
    say(f"    {answers} responses.")
    say("5/6 sync: copies the responses into the store.")
    _tell(curation.sync(config), say)
    say("6/6 publish: writes DPO and KTO datasets to the local Hub.")
    _tell(curation.publish(config), say)
    _show_rows(config, say)
    say(NOISE)


def _upload_prompts(stack: Stack) -> None:
    repo_id = f"{USER}/demo-prompts"
    api = connect(stack.hub.url, stack.hub.token)
    with hub_errors(api, repo_id), as_file(files("curation.local") / "demo_prompts.jsonl") as prompts:
        api.create_repo(repo_id, repo_type="dataset", private=True, exist_ok=True)
        api.upload_file(path_or_fileobj=prompts, path_in_repo="data/train.jsonl", repo_id=repo_id, repo_type="dataset")


def _show_rows(config: Config, say: Say) -> None:
    # This reads HF_ENDPOINT when it is imported, and the stack has set that by now.
    import datasets

    datasets.disable_progress_bars()
    for name in config.publish.formats:
        loaded = datasets.load_dataset(config.publish.repo_id, name, token=os.environ["HF_TOKEN"])
        sizes = ", ".join(f"{split} {len(rows)}" for split, rows in loaded.items())
        say(f'\nload_dataset("{config.publish.repo_id}", "{name}"): {sizes}. The first row:')
        for key, value in loaded["train"][0].items():
            say(f"  {key:15} {_short(value)}")
    say("")


def _short(value: Any, length: int = 90) -> str:
    text = " ".join(str(value).split())
    return text if len(text) <= length else text[: length - 3] + "..."


def _say_where(stack: Stack, config_file: Path, say: Say, *, stay: bool) -> None:
    say(f"Config: {config_file}. Logs: {stack.folder}/*/server.log.")
    if not stay:
        return
    say(f"Argilla: {stack.argilla.url}  username {stack.argilla.username}  password {stack.argilla.password}")
    say("Answer some records there (your answers count before the simulated ones). Then, in another terminal:")
    say(f'  eval "$(curation local env --folder {stack.folder})"')
    say(f"  curation sync {config_file} && curation publish {config_file}")


def _tell(report: Any, say: Say) -> None:
    for line in report.lines:
        say(f"    {line}")
    if report.exit_code:
        raise RefusedError("The demo's loop did not come through.", remedy="The logs in its folder say why.")


def _followed(meter: generation.Meter, say: Say) -> AbstractContextManager[None]:
    """Print a line with the progress of the generation every PROGRESS_SECONDS."""
    return generation.told_every(PROGRESS_SECONDS, lambda last: None if last else say(f"    {meter.progress().line}"))


def _wait_for_ctrl_c(say: Say) -> None:
    say("The stack stays up until Ctrl-C.")
    try:
        while True:
            signal.pause()
    except KeyboardInterrupt:
        say("")
