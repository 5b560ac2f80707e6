"""Every exported config and layout, unchanged, in TRL: two steps of every trainer, whatever the hash seed."""

from __future__ import annotations

import json
import math
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import httpx2
import pytest
from huggingface_hub import HfApi

from curation.export import faults
from curation.local import Stack
from curation.local.inference import ScriptedServer
from curation.local.reviewers import Fields, simulate_reviewers
from tests.configs import write_config
from tests.conftest import CommandLine
from tests.scripts import scripted_reply
from tests.train.trainers import KINDS, STEPS

pytestmark = [
    pytest.mark.stack,
    pytest.mark.train,
    # Looked for, not imported: collecting this file must not cost the import of torch.
    pytest.mark.skipif(
        find_spec("trl") is None or find_spec("torch") is None, reason="torch and TRL are missing: make test ALL=1"
    ),
]

ROOT = Path(__file__).parents[2]
NAME = "trained"
SEEDS = ("0", "1")
ANSWERS = ("a", "both_good", "b", "both_good", "a", "both_bad", "b", "both_good")
EDITS = 4
TALK = [
    {"role": "system", "content": "You are brief.\n"},
    {"role": "user", "content": "Which planet is the largest?"},
    {"role": "assistant", "content": "Jupiter."},
]
PROMPTS: list[object] = [
    *(f"Question {number}: what is {number} times {number}?" for number in range(18)),
    "Write Python:\n\n```python\ndef f(x):\n    return x  # <|not special|>\n```\n\n\tTabs,  two spaces.",
    "ما هي عاصمة مصر؟",
    "Was heißt 👩‍👩‍👧‍👦 auf Deutsch? 𝄞 é e\u0301",
    [*TALK, {"role": "user", "content": "And the smallest?"}],
    [*TALK, {"role": "user", "content": "How far is it?"}],
    [{"role": "user", "content": " Leading and trailing space? "}],
]
CONVERSATIONS = 2
WITHOUT_TOOLS = ["Name a colour.", "Name a river, please.", "How do bees find their way home?"]
COLUMNS = 'tools_column = "functions"\nchat_template_kwargs_column = "kwargs"'


class Layout(NamedTuple):
    """One way to publish: its repo, what its [publish] says, and which trainers can read it."""

    name: str
    settings: str
    margin: bool = False
    reads: tuple[str, ...] = tuple(KINDS)

    @property
    def publish(self) -> str:
        """The lines of [publish] that are the layout's own."""
        return f'repo_id = "{self.repo}"\n{self.settings}\nmargin = {str(self.margin).lower()}\n'

    @property
    def repo(self) -> str:
        return f"acme/{NAME}-{self.name}"


EVERYTHING = 'formats = ["dpo", "kto", "reward", "sft", "raw"]'
TOOLS = Layout("tools", EVERYTHING)
TEMPLATE = Layout("template", EVERYTHING)
CONVERSATIONAL = Layout("conversational", EVERYTHING)
STRINGS = Layout("strings", f"{EVERYTHING}\nconversational = false", margin=True)
ALL_PAIRS = Layout(
    "all-pairs",
    'formats = ["dpo", "reward", "sft"]\npairs = "all"\ntest_size = 0.0',
    margin=True,
    reads=("dpo", "reward", "sft", "orpo", "cpo"),
)
TRAINING = ("dpo", "kto", "reward", "sft")
LAYOUTS = (TOOLS, TEMPLATE, CONVERSATIONAL, STRINGS, ALL_PAIRS)


def tools_of(number: int) -> list[dict[str, Any]]:
    """The tools of one prompt: its own."""
    function = {"name": f"multiply_{number}", "parameters": {"type": "object", "properties": {}}}
    return [{"type": "function", "function": function}]


def kwargs_of(number: int) -> dict[str, str]:
    """What one prompt tells the chat template."""
    return {"tone": ("brief", "warm")[number % 2]}


def write_prompts(folder: Path, *, with_tools: Sequence[object], without: Sequence[object] = ()) -> None:
    """Write prompts.jsonl: each prompt with tools and a tone of its own, or with neither."""
    rows = [
        {"instruction": prompt, "functions": tools_of(number), "kwargs": kwargs_of(number)}
        for number, prompt in enumerate(with_tools)
    ]
    rows += [{"instruction": prompt, "functions": None, "kwargs": None} for prompt in without]
    (folder / "prompts.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")


def write_layouts(folder: Path) -> dict[Layout, str]:
    """Write a config per layout: one store and one Argilla dataset, but repos of their own."""
    text = write_config(folder, NAME).read_text(encoding="utf-8")
    text = text.replace('path = "prompts.jsonl"', f'path = "prompts.jsonl"\n{COLUMNS}')
    paths = {}
    for layout in LAYOUTS:
        path = folder / f"{layout.name}.toml"
        repo = f'repo_id = "acme/{NAME}"\n'
        assert repo in text
        path.write_text(text.replace(repo, layout.publish), encoding="utf-8")
        paths[layout] = str(path)
    return paths


def by_prompt(fields: Fields) -> str:
    """Every kind of answer, more good than bad: the same one to the same prompt in every run."""
    return ANSWERS[sum(fields["prompt"][-1]["content"].encode()) % len(ANSWERS)]


def write_edits(stack: Stack) -> None:
    """Let the reviewer add a better text to some of the answers."""
    headers = {"X-Argilla-Api-Key": stack.argilla.api_key}
    with httpx2.Client(base_url=f"{stack.argilla.url}/api/v1", headers=headers, timeout=30, trust_env=False) as http:
        [dataset] = [item["id"] for item in http.get("/me/datasets").json()["items"] if item["name"] == NAME]
        records = http.get(f"/datasets/{dataset}/records", params={"include": "responses", "limit": "100"}).json()
        for number, record in enumerate(records["items"][:EDITS]):
            [response] = record["responses"]
            values = {
                **response["values"],
                "edit": {"value": f"Better, number {number}:\n\n- *one*\n- \u202btwo\u202c"},
            }
            body = {"status": "submitted", "values": values}
            http.put(f"/responses/{response['id']}", json=body).raise_for_status()


def review(cli: CommandLine, stack: Stack, config: str, *, prompts: int) -> None:
    """Bring so many new prompts through the loop, up to the store."""
    assert cli.json("generate", config)["made"] == prompts
    cli.json("push", config)
    rules = {"simulated-one": by_prompt}
    assert simulate_reviewers(stack.argilla, workspace="argilla", dataset=NAME, rules=rules) == prompts


def card_weights(stack: Stack, repo: str, folder: Path) -> list[float]:
    """The weights that the card tells people to use."""
    api = HfApi(endpoint=stack.hub.url, token=stack.hub.token)
    card = Path(api.hf_hub_download(repo, "README.md", repo_type="dataset", local_dir=folder)).read_text()
    found = re.search(r"KTOConfig\([^)]*\bdesirable_weight=([\d.]+), undesirable_weight=([\d.]+)", card)
    assert found, card
    return [float(found[1]), float(found[2])]


def downloaded(stack: Stack, layout: Layout, folder: Path) -> Path:
    """A folder with the Parquet files of a layout: those of its repo, but one was exported there already."""
    if layout is not TEMPLATE:
        api = HfApi(endpoint=stack.hub.url, token=stack.hub.token)
        api.snapshot_download(layout.repo, repo_type="dataset", local_dir=folder, allow_patterns="*.parquet")
    return folder


def tables(folder: Path) -> dict[str, Any]:
    """The rows of each config in a folder of Parquet files, all splits together."""
    import pyarrow.parquet as pq

    return {each.name: pq.read_table(each) for each in sorted(folder.iterdir()) if any(each.glob("*.parquet"))}


def start(cli: CommandLine, *arguments: str, seed: str) -> subprocess.Popen[str]:
    """Start a process that trains; each seed has caches of its own, or the second would reuse the first's tokens."""
    return subprocess.Popen(
        [sys.executable, "-m", "tests.train.two_steps", *arguments],
        cwd=ROOT,
        env={**os.environ, **cli.settings, "HF_HOME": str(cli.folder / f"hf-{seed}"), "PYTHONHASHSEED": seed},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def finish(process: subprocess.Popen[str]) -> str:
    """Wait for a process that must succeed; return what it printed."""
    output, _ = process.communicate(timeout=600)
    assert process.returncode == 0, output
    return output


class Trained(NamedTuple):
    """By layout: what publish reported, the published tables by config, and what each hash seed found by trainer."""

    reports: Mapping[Layout, Mapping[str, Any]]
    tables: Mapping[Layout, Mapping[str, Any]]
    found: tuple[Mapping[str, Any], ...]
    outputs: tuple[str, ...]
    card_weights: list[float]


@pytest.fixture(scope="module")
def cli(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CommandLine]:
    with ScriptedServer(scripted_reply) as server:
        settings = {**stack.settings(), "CURATION_INFERENCE_URL": server.url}
        yield CommandLine(settings, tmp_path_factory.mktemp("trained"))


@pytest.fixture(scope="module")
def trained(cli: CommandLine, stack: Stack) -> Trained:
    """One store, reviewed twice: first every prompt brings tools, then some do not; then everything in TRL."""
    model, exported = str(cli.folder / "model"), cli.folder / TEMPLATE.name
    making = start(cli, "make", model, seed="0")
    configs = write_layouts(cli.folder)
    write_prompts(cli.folder, with_tools=PROMPTS)
    review(cli, stack, configs[TOOLS], prompts=len(PROMPTS))
    write_edits(stack)
    cli.json("sync", configs[TOOLS])
    reports = {TOOLS: cli.json("publish", configs[TOOLS])}
    finish(making)
    reports[TEMPLATE] = cli.json("export", configs[TEMPLATE], "--folder", str(exported), "--chat-template", model)

    write_prompts(cli.folder, with_tools=PROMPTS, without=WITHOUT_TOOLS)
    review(cli, stack, configs[CONVERSATIONAL], prompts=len(WITHOUT_TOOLS))
    cli.json("sync", configs[CONVERSATIONAL])
    reports |= {layout: cli.json("publish", configs[layout]) for layout in (CONVERSATIONAL, STRINGS, ALL_PAIRS)}

    # What is exported to this machine has the rows of what was published before it.
    weights = {layout: reports[TOOLS if layout is TEMPLATE else layout]["kto_weights"] for layout in LAYOUTS}
    plan = [
        {
            "name": layout.name,
            "path": str(exported) if layout is TEMPLATE else layout.repo,
            "weights": weights[layout] or (1.0, 1.0),
        }
        for layout in LAYOUTS
    ]
    (cli.folder / "layouts.json").write_text(json.dumps(plan))
    files = [cli.folder / f"report-{seed}.json" for seed in SEEDS]
    processes = [
        start(cli, "train", model, str(cli.folder / "layouts.json"), str(file), seed=seed)
        for seed, file in zip(SEEDS, files, strict=True)
    ]
    folders = {layout: downloaded(stack, layout, cli.folder / layout.name) for layout in LAYOUTS}
    return Trained(
        reports=reports,
        tables={layout: tables(folder) for layout, folder in folders.items()},
        card_weights=card_weights(stack, TOOLS.repo, cli.folder),
        outputs=tuple(finish(process) for process in processes),
        found=tuple(json.loads(file.read_text()) for file in files),
    )


each_layout = pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: str(layout.name))


@each_layout
def test_every_trainer_takes_two_steps_on_every_row(layout: Layout, trained: Trained) -> None:
    for found in trained.found:
        assert tuple(found[layout.name]) == layout.reads
        for kind, run in found[layout.name].items():
            assert run["steps"] == len(run["losses"]) == STEPS
            assert all(math.isfinite(loss) for loss in run["losses"])
            assert 4 < run["kept"] == run["rows"] <= trained.reports[layout]["rows"][KINDS[kind].reads]


@each_layout
def test_what_is_trained_on_is_the_text_that_was_published(layout: Layout, trained: Trained) -> None:
    for found in trained.found:
        for run in found[layout.name].values():
            assert run["changed"] == []


@each_layout
def test_the_tokens_do_not_depend_on_the_hash_seed(layout: Layout, trained: Trained) -> None:
    first, second = ({kind: run["tokens"] for kind, run in found[layout.name].items()} for found in trained.found)
    assert first == second


@each_layout
def test_the_rule_that_rows_are_published_by_finds_no_fault(layout: Layout, trained: Trained) -> None:
    for config, table in trained.tables[layout].items():
        assert list(faults(config, table)) == []


def test_trl_does_not_warn(trained: Trained) -> None:
    # It does if the weights do not balance the labels, or if a prompt is not a prefix of its conversation.
    for output in trained.outputs:
        assert "desirable_weight" not in output, output
        assert "not a prefix" not in output, output


def test_the_card_and_the_report_suggest_the_same_weights(trained: Trained) -> None:
    assert trained.card_weights == trained.reports[TOOLS]["kto_weights"]
    assert trained.card_weights != [1.0, 1.0], "the labels are out of balance"


def test_no_batch_of_kto_has_a_prompt_twice(trained: Trained) -> None:
    # KTO estimates its KL term from answers to the other prompts of a batch.
    for found in trained.found:
        repeated = [found[name]["kto"]["batches_with_one_prompt_twice"] for name in found if "kto" in found[name]]
        assert repeated == [0] * (len(LAYOUTS) - 1)


def test_tools_and_keyword_arguments_are_those_that_each_prompt_brought(trained: Trained) -> None:
    brought = {json.dumps(tools_of(number), sort_keys=True): kwargs_of(number) for number in range(len(PROMPTS))}
    for layout in (TOOLS, TEMPLATE):
        for config in TRAINING:
            given = (trained.tables[layout][config][name].to_pylist() for name in ("tools", "chat_template_kwargs"))
            pairs = list(zip(*given, strict=True))
            assert all(brought[tools] == kwargs for tools, kwargs in pairs)
            assert len({tools for tools, _ in pairs}) > 4


def test_columns_that_some_prompts_lack_are_left_out_and_named(trained: Trained) -> None:
    assert set(trained.reports[CONVERSATIONAL]["omitted"]) == {"tools", "chat_template_kwargs"}
    for table in trained.tables[CONVERSATIONAL].values():
        assert not {"tools", "chat_template_kwargs"} & set(table.column_names)


def test_a_template_applied_beforehand_gives_the_tokens_that_trl_makes_of_conversations(trained: Trained) -> None:
    for found in trained.found:
        # The others differ by design: SFT learns the answer alone, ORPO and CPO do not show tools to the template.
        for kind in ("dpo", "kto", "reward"):
            assert found[TEMPLATE.name][kind]["tokens"] == found[TOOLS.name][kind]["tokens"]


def test_strings_are_strings_and_conversations_of_many_turns_are_dropped(trained: Trained) -> None:
    for layout in (TEMPLATE, STRINGS):
        for config in TRAINING:
            table = trained.tables[layout][config]
            texts = {"prompt", "chosen", "rejected", "completion", "messages"} & set(table.column_names)
            assert {str(table[name].type) for name in texts} == {"string"}
    assert trained.reports[STRINGS]["dropped"]["dpo"]["conversation"] == CONVERSATIONS


def test_the_margin_is_the_gap_where_it_is_asked_for_and_nowhere_else(trained: Trained) -> None:
    for found in trained.found:
        for layout in LAYOUTS:
            run = found[layout.name]["reward"]
            assert run["margin"] == (run["gaps"] if layout.margin else None)


def test_all_pairs_are_more_than_the_best_against_the_worst(trained: Trained) -> None:
    assert trained.reports[ALL_PAIRS]["rows"]["dpo"] > trained.reports[CONVERSATIONAL]["rows"]["dpo"]


def test_ties_are_among_the_answers_and_give_no_pair(trained: Trained) -> None:
    assert trained.reports[TOOLS]["dropped"]["dpo"]["tie"] > 0
