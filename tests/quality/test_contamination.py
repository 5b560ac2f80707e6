"""Prompts that were taken from a benchmark are named with it, whatever it is read from; shared phrases are not."""

from __future__ import annotations

import csv
import json
import pickle
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from huggingface_hub import CommitOperationAdd, HfApi

from curation.errors import ConfigError, DataError, MissingError
from curation.local import Stack
from curation.local.hub import Account, HubServer
from curation.quality import Quality
from curation.quality.contamination import Benchmarks

QUESTION = (
    "Natalia sold clips to 48 of her friends in April, and then she sold half as many clips in May. "
    "How many clips did Natalia sell altogether in April and May?"
)
ANSWER = "She sold 24 clips in May because half of 48 is 24, so that altogether she sold 72 clips in both months."
SHORT = "Who wrote the play Hamlet?"
ROWS = [{"question": QUESTION, "answer": ANSWER}, {"question": SHORT, "answer": "Shakespeare"}]


def write(path: Path, rows: list[dict[str, str]] = ROWS) -> str:
    if path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    elif path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    elif path.suffix == ".txt":
        path.write_text("\n".join(value for row in rows for value in row.values()), encoding="utf-8")
    else:
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    return str(path)


@pytest.mark.parametrize("suffix", [".jsonl", ".parquet", ".csv", ".txt"])
def test_every_kind_of_file_is_read_in_every_column(tmp_path: Path, suffix: str) -> None:
    source = write(tmp_path / f"bench{suffix}")
    benchmarks = Benchmarks.load([source])
    assert benchmarks.overlap(f"Solve this: {QUESTION.upper()} Think!") == source
    assert benchmarks.overlap(ANSWER) == source
    assert benchmarks.overlap(SHORT.lower()) == source


def test_thirteen_words_in_a_row_are_needed(tmp_path: Path) -> None:
    benchmarks = Benchmarks.load([write(tmp_path / "bench.jsonl")])
    words = QUESTION.split()
    assert benchmarks.overlap("Tell me: " + " ".join(words[2:15]) + " or so?") is not None
    assert benchmarks.overlap("Tell me: " + " ".join(words[2:14]) + " or so?") is None
    assert benchmarks.overlap(" ".join(reversed(words))) is None


def test_the_number_of_words_can_be_set(tmp_path: Path) -> None:
    source = write(tmp_path / "bench.jsonl")
    twelve = "Tell me: " + " ".join(QUESTION.split()[2:14]) + " or so?"
    assert Benchmarks.load([source], ngram=12).overlap(twelve) == source


@pytest.mark.parametrize(
    "text", ["", "Shakespeare", "Who wrote the play", f"Please: {SHORT}", "Hamlet the play wrote who"]
)
def test_a_short_item_counts_only_as_the_whole_text(tmp_path: Path, text: str) -> None:
    assert Benchmarks.load([write(tmp_path / "bench.jsonl")]).overlap(text) is None


def test_the_first_of_several_benchmarks_is_named(tmp_path: Path) -> None:
    counting = "One, two, three, four, five, six, seven, eight, nine, ten, eleven, twelve, thirteen!"
    first = write(tmp_path / "a.jsonl", [{"q": counting}])
    second, third = write(tmp_path / "b.csv"), write(tmp_path / "c.jsonl")
    benchmarks = Benchmarks.load([first, second, third])
    assert benchmarks.overlap(QUESTION) == second
    assert benchmarks.overlap(counting.lower()) == first
    assert benchmarks.overlap(f"{QUESTION} {counting}") == first


def test_lists_and_objects_are_searched(tmp_path: Path) -> None:
    path = tmp_path / "bench.jsonl"
    path.write_text(json.dumps({"turns": [{"role": "user", "content": QUESTION}], "id": 7, "none": None}))
    assert Benchmarks.load([str(path)]).overlap(QUESTION) == str(path)


def test_what_many_items_share_is_boilerplate(tmp_path: Path) -> None:
    frame = "Complete the following function in Python without any tests and without any explanation at all please"
    rows = [{"prompt": f"{frame} item{n} " + " ".join(f"word{n}x{m}" for m in range(20))} for n in range(100)]
    benchmarks = Benchmarks.load([write(tmp_path / "bench.jsonl", rows)])
    assert benchmarks.overlap(f"{frame} mine and mine alone") is None
    assert all(benchmarks.overlap(row["prompt"]) is not None for row in rows)
    few = Benchmarks.load([write(tmp_path / "few.jsonl", rows[:10])])
    assert few.overlap(f"{frame} mine and mine alone") is not None


def test_what_one_item_repeats_is_not(tmp_path: Path) -> None:
    benchmarks = Benchmarks.load([write(tmp_path / "bench.jsonl", [{"q": f"{QUESTION} " * 20}])])
    assert benchmarks.overlap(QUESTION) is not None


@pytest.mark.slow
def test_planted_items_are_counted_exactly(tmp_path: Path) -> None:
    items = [{"q": " ".join(f"w{n}v{m}" for m in range(16))} for n in range(500)]
    benchmarks = Benchmarks.load([write(tmp_path / "bench.parquet", items)])
    prompts = [" ".join(f"p{n}v{m}" for m in range(16)) for n in range(1000)]
    for position in range(0, 1000, 25):
        prompts[position] += f" {items[position // 2]['q']}"
    assert [n for n, prompt in enumerate(prompts) if benchmarks.overlap(prompt)] == list(range(0, 1000, 25))


@pytest.mark.slow
def test_benchmarks_can_be_sent_to_another_process(tmp_path: Path) -> None:
    benchmarks = pickle.loads(pickle.dumps(Benchmarks.load([write(tmp_path / "bench.jsonl")])))
    script = "import sys, pickle; print(pickle.load(sys.stdin.buffer).overlap(sys.argv[1]))"
    done = subprocess.run(
        [sys.executable, "-c", script, QUESTION], input=pickle.dumps(benchmarks), capture_output=True, check=True
    )
    assert done.stdout.decode().strip() == benchmarks.names[0]


def test_no_benchmarks_overlap_with_nothing() -> None:
    assert Benchmarks.load([]).overlap(QUESTION) is None


@pytest.mark.parametrize("source", ["missing.jsonl", "missing.txt", "no-owner", "folder/missing.parquet", ""])
def test_a_file_that_is_not_there_is_named(source: str) -> None:
    with pytest.raises(MissingError, match=r"There is no benchmark .*\.jsonl, .*\.txt"):
        Benchmarks.load([source])


def test_a_line_that_is_no_json_is_named(tmp_path: Path) -> None:
    path = tmp_path / "bench.jsonl"
    path.write_text('{"q": "a"}\n{"q": \n')
    with pytest.raises(DataError, match=r"bench\.jsonl:2"):
        Benchmarks.load([str(path)])


def test_a_text_file_that_is_not_utf8_is_named(tmp_path: Path) -> None:
    path = tmp_path / "bench.txt"
    path.write_bytes(b"caf\xe9 au lait\n")
    with pytest.raises(DataError, match=r"bench\.txt, line 1, is not UTF-8"):
        Benchmarks.load([str(path)])


def test_a_benchmark_without_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="has no text of 4 words or more"):
        Benchmarks.load([write(tmp_path / "bench.jsonl", [{"q": "yes"}])])


# --- datasets of the Hub, each in a process of its own: `datasets` reads HF_ENDPOINT at its import --------------------

ASK = """
import sys
from curation.errors import CurationError
from curation.quality import Quality
from curation.quality.contamination import Benchmarks
endpoint, token, text, *sources = sys.argv[1:]
for source in sources:
    try:
        print(Benchmarks.load([source], endpoint=endpoint, token=token).overlap(text))
    except CurationError as error:
        print(type(error).__name__, str(error).splitlines()[0])
"""


def asked(stack: Stack, folder: Path, text: str, *sources: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", ASK, stack.hub.url, stack.hub.token, text, *sources],
        capture_output=True,
        text=True,
        check=False,
        env={"HF_ENDPOINT": stack.hub.url, "HF_HOME": str(folder / "hf"), "PATH": "/usr/bin:/bin"},
        cwd=Path(__file__).parents[2],
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.fixture(scope="module")
def benchmark(stack: Stack) -> str:
    """A private benchmark with two configs; its first revision has other questions."""
    card = (
        "---\nconfigs:\n- config_name: main\n"
        "  data_files: [{split: test, path: main.jsonl}, {split: train, path: t.jsonl}]\n"
        "- {config_name: other, data_files: [{split: test, path: other.jsonl}]}\n---\n"
    )
    old, other = "An old question that nobody has asked", "Another question that nobody has asked"
    texts = {"main": QUESTION, "other": other, "t": "A question to train on, which is another"}
    api = HfApi(endpoint=stack.hub.url, token=stack.hub.token)
    api.create_repo("acme/benchmark", repo_type="dataset", private=True)

    def commit(texts: dict[str, str]) -> None:
        files = {f"{name}.jsonl": json.dumps({"q": text}) for name, text in texts.items()} | {"README.md": card}
        operations = [CommitOperationAdd(name, text.encode()) for name, text in files.items()]
        api.create_commit("acme/benchmark", operations, commit_message="benchmark", repo_type="dataset")

    commit({**texts, "main": old})
    api.create_tag("acme/benchmark", tag="v1", repo_type="dataset")
    commit(texts)
    return "acme/benchmark"


@pytest.mark.stack
def test_a_dataset_of_the_hub_is_read_by_config_split_and_revision(
    stack: Stack, tmp_path: Path, benchmark: str
) -> None:
    known = [benchmark, f"{benchmark}:main", f"{benchmark}:main:test"]
    other = [f"{benchmark}:other", f"{benchmark}:main:train", f"{benchmark}@v1", f"{benchmark}:main:test@v1"]
    assert asked(stack, tmp_path, QUESTION, *known, *other) == [*known, *["None"] * len(other)]


@pytest.mark.stack
def test_what_the_hub_does_not_have_is_named(stack: Stack, tmp_path: Path, benchmark: str) -> None:
    sources = [f"{benchmark}:nope", f"{benchmark}:main:nope", f"{benchmark}@nope", "acme/no-such-benchmark"]
    config, split, revision, repo = asked(stack, tmp_path, QUESTION, *sources)
    assert config.startswith(
        f"DataError The benchmark {benchmark}:nope cannot be read: {benchmark} has no config 'nope'; it"
    )
    assert split.startswith(
        f"DataError The benchmark {benchmark}:main:nope cannot be read: {benchmark} has no split 'nope'; it"
    )
    assert revision.startswith(f"MissingError {benchmark} on ")
    assert repo.startswith("MissingError acme/no-such-benchmark is no file or folder here, and no dataset on http")


# --- presets ----------------------------------------------------------------------------------------------------------

PROMPT = "please write seven lines about this pond"
"""Eight words: a preset needs seven in a row, a file thirteen."""
IDIOM = "I hope that this helps you with it"
OTHER = "Nobody asks what this row of words is about"
TEST = "---\nconfigs:\n- config_name: v2\n  data_files: [{split: test, path: rows.jsonl}]\n---\n"


def benchmarks_of_the_presets() -> dict[str, dict[str, object]]:
    """A row of each dataset of the presets, as its card describes it; only two of them hold the prompt."""
    chosen = {"chosen": IDIOM, "rejected": IDIOM}
    return {
        "allenai/reward-bench": {"prompt": OTHER, **chosen, "subset": "alpacaeval-easy"},
        "allenai/reward-bench-2": {"prompt": OTHER, "chosen": [IDIOM], "rejected": [IDIOM]},
        "THU-KEG/RM-Bench": {"prompt": f"Now {PROMPT}.", "chosen": [IDIOM], "rejected": [IDIOM]},
        "ScalerLab/JudgeBench": {"question": OTHER, "response_A": IDIOM, "response_B": IDIOM},
        "HuggingFaceH4/mt_bench_prompts": {"prompt": [OTHER, f"Then {PROMPT.upper()}!"], "reference": [IDIOM]},
        "lmarena-ai/arena-hard-auto-v0.1": {"turns": [{"content": OTHER}], "cluster": IDIOM},
        "allenai/WildBench": {"conversation_input": [{"role": "user", "content": OTHER}], "checklist": [IDIOM]},
        "google/IFEval": {"prompt": OTHER, "kwargs": [{"keyword": IDIOM}]},
    }


@pytest.fixture
def presets(tmp_path: Path) -> Iterator[HubServer]:
    """A Hub with the datasets of the presets under their real names."""
    owners = tuple({repo.partition("/")[0] for repo in benchmarks_of_the_presets()})
    with HubServer(tmp_path / "hub", users={"hf_all": Account("all", orgs=owners)}) as hub:
        api = HfApi(endpoint=hub.url, token="hf_all")
        write_benchmarks(api)
        yield hub


def write_benchmarks(api: HfApi) -> None:
    for repo, row in benchmarks_of_the_presets().items():
        api.create_repo(repo, repo_type="dataset")
        files = {"rows.jsonl": json.dumps(row), **({"README.md": TEST} if "WildBench" in repo else {})}
        operations = [CommitOperationAdd(name, text.encode()) for name, text in files.items()]
        api.create_commit(repo, operations, commit_message="benchmark", repo_type="dataset")


PRESET = """
import sys
from curation.quality import Quality, prompt_checks
from curation.types import Message
endpoint, token, *texts = sys.argv[1:]
for preset in ("preset:reward", "preset:chat"):
    checks = prompt_checks(Quality(benchmarks=(preset,)), endpoint=endpoint, token=token)
    print([checks.reason((Message(role="user", content=text),)) for text in texts])
    print([check.predicate.args[0].overlap(texts[0]) for check in checks.checks])
"""


@pytest.mark.stack
def test_a_preset_looks_for_seven_words_of_the_prompts_of_its_benchmarks(presets: HubServer, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PRESET, presets.url, "hf_all", f"Could you {PROMPT}?", IDIOM],
        capture_output=True,
        text=True,
        check=False,
        env={"HF_ENDPOINT": presets.url, "HF_HOME": str(tmp_path / "hf"), "PATH": "/usr/bin:/bin"},
        cwd=Path(__file__).parents[2],
    )
    assert done.returncode == 0, done.stderr
    # What stands in the answers of a benchmark is an idiom, not its prompt.
    assert done.stdout.splitlines() == [
        "['contaminated', None]",
        "['THU-KEG/RM-Bench']",
        "['contaminated', None]",
        "['HuggingFaceH4/mt_bench_prompts']",
    ]


def test_a_preset_that_does_not_exist_is_refused_by_name() -> None:
    with pytest.raises(ConfigError, match="'preset:code' is no preset; there are preset:reward and preset:chat"):
        Quality(benchmarks=("preset:code",))


def test_presets_are_listed_with_their_own_number_of_words() -> None:
    [line] = [line for line in Quality(benchmarks=("preset:chat", "acme/own")).lines() if "contaminated" in line]
    assert line == (
        "prompts: contaminated: dropped if 13 words in a row of acme/own or 7 words in a row of preset:chat"
    )
