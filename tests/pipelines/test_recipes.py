"""Each recipe that ships: its file is valid, its script says the same, and on the stack it goes through to its rows."""

from __future__ import annotations

import importlib
import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from curation.config import load_config
from curation.local import Stack
from curation.local.inference import Request, ScriptedServer, read_judge_prompt, ultrafeedback_reply
from curation.local.reviewers import Fields, simulate_reviewers
from tests.conftest import CommandLine
from tests.flows.running import with_models
from tests.flows.test_loop import card, published
from tests.flows.test_tasks import answer_all
from tests.scripts import scripted_reply

ROOT = Path(__file__).parents[2]
RECIPES = sorted(path.stem for path in (ROOT / "pipelines").glob("*.toml"))
PAGES = ROOT / "docs" / "recipes"


@pytest.mark.parametrize("recipe", RECIPES)
def test_the_launch_script_is_the_toml_file(recipe: str) -> None:
    script = importlib.import_module(f"pipelines.{recipe}")
    assert load_config(ROOT / "pipelines" / f"{recipe}.toml") == script.CONFIG


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_recipe_keeps_out_the_usual_benchmarks(recipe: str) -> None:
    config = load_config(ROOT / "pipelines" / f"{recipe}.toml")
    assert {"preset:reward", "preset:chat"} <= set(config.quality.benchmarks)


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_launch_script_is_short(recipe: str) -> None:
    assert len((ROOT / "pipelines" / f"{recipe}.py").read_text().splitlines()) <= 40


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_recipe_has_a_page_that_says_when_to_use_it_and_what_it_costs(recipe: str) -> None:
    page = (PAGES / f"{recipe}.md").read_text()
    assert page.startswith(f"# {recipe}\n")
    assert "**When to use it.**" in page
    assert "**What it costs.**" in page
    assert f"[{recipe}]({recipe}.md)" in (PAGES / "README.md").read_text()


@pytest.mark.parametrize("page", sorted(PAGES.glob("*.md")), ids=lambda page: page.name)
def test_every_link_of_a_page_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)", page.read_text()):
        assert (page.parent / target).exists(), target


@pytest.fixture
def scripted() -> Iterator[ScriptedServer]:
    """Models that answer as the test of their recipe says."""
    with ScriptedServer(reply) as server:
        yield server


def reply(request: Request) -> str:
    if "boundary" in request.prompt:
        return boundary(request)
    if "Pool question" in request.prompt:
        return pool(request)
    judged = read_judge_prompt(request.messages)
    if judged is not None and all(" stars for " in text for text in judged.texts):
        return ultrafeedback_reply(request.messages, [int(text[0]) for text in judged.texts])
    if is_poet(request):
        return poet(request)
    return questions(request) if request.prompt.startswith("Write ") else scripted_reply(request)


def is_poet(request: Request) -> bool:
    return str(request.messages[0]["content"]).startswith("You are a poet.")


def launched(cli: CommandLine, recipe: str, changes: str) -> subprocess.CompletedProcess[str]:
    """Run a launch script with other prompts and repos: `changes` are fields of its Config, as Python writes them."""
    script = f"""
import importlib
import curation as c

recipe = importlib.import_module("pipelines.{recipe}")

try:
    recipe.run(recipe.CONFIG.model_copy(update=dict({changes})))
except c.CurationError as error:
    raise SystemExit(f"Error: {{error}}")
"""
    return subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        timeout=600,
        cwd=ROOT,
        env=cli.environment(),
        check=False,
    )


def stopped_for_want_of_answers(run: subprocess.CompletedProcess[str]) -> bool:
    """Whether a run ended with a sentence because nobody has answered yet."""
    return run.returncode == 1 and "Error: " in run.stderr and "Traceback" not in run.stderr


PREFERENCE = """
    name="launched",
    prompts=c.ListPrompts(rows=tuple(f"Question {number}: why?" for number in range(4))),
    quality=c.Quality(),
    publish=c.Publish(repo_id="acme/launched"),
    store=c.StoreSection(repo_id="acme/launched-store"),
"""


@pytest.mark.stack
def test_preference_shows_progress_and_goes_through_to_publish(cli: CommandLine, stack: Stack) -> None:
    first = launched(cli, "preference", PREFERENCE)
    assert stopped_for_want_of_answers(first), first.stderr
    assert "Generating: 4 of 4 prompts" in first.stderr
    assert "4 records in argilla/launched: 4 new" in first.stdout
    sure = {"simulated-sure": lambda fields: "a"}
    simulate_reviewers(stack.argilla, workspace="argilla", dataset="launched", rules=sure)
    second = launched(cli, "preference", PREFERENCE)
    assert second.returncode == 0, second.stderr
    assert "0 new candidate sets, 4 there already" in second.stdout
    assert "Published 4 dpo, 8 kto rows to " in second.stdout


HAIKU = """
    name="launched-haiku",
    prompts=c.ListPrompts(rows=("A pond", "The moon")),
    quality=c.Quality(),
    publish=recipe.CONFIG.publish.model_copy(update=dict(repo_id="acme/launched-haiku", test_size=0.0)),
    store=c.StoreSection(repo_id="acme/launched-haiku-store"),
"""
HAIKU_POETS = {"meta-llama/Llama-3.1-8B-Instruct": "Llama", "Qwen/Qwen2.5-7B-Instruct": "Qwen"}


def poet(request: Request) -> str:
    """Return a haiku that names its poet; the third model writes no haiku, but four lines."""
    haiku = (
        f"{HAIKU_POETS.get(request.model, 'Mistral')} sees {request.prompt}\nand a frog jumps into it\nsilent as before"
    )
    return haiku if request.model in HAIKU_POETS else f"Here is a haiku:\n{haiku}"


def thumb(fields: Fields) -> str:
    return "good" if fields["response"].startswith("Llama") else "bad"


def thumb_against_the_moon(fields: Fields) -> str:
    return "bad" if "moon" in fields["response"] else thumb(fields)


@pytest.mark.stack
def test_haiku_kto_publishes_the_labels_on_which_all_agree(cli: CommandLine, stack: Stack) -> None:
    first = launched(cli, "haiku_kto", HAIKU)
    assert stopped_for_want_of_answers(first), first.stdout + first.stderr
    # Two prompts and three poets; the answers of four lines are not shown.
    assert "4 records in argilla/launched-haiku: 4 new" in first.stdout
    rules = {"ann": thumb, "bob": thumb_against_the_moon}
    simulate_reviewers(stack.argilla, workspace="argilla", dataset="launched-haiku", rules=rules)
    second = launched(cli, "haiku_kto", HAIKU)
    assert second.returncode == 0, second.stdout + second.stderr
    rows = published(stack, cli.folder, "launched-haiku", "kto")
    # Ann and Bob differ about Llama's moon: it has no label.
    assert {(row["completion"][0]["content"].partition("\n")[0], row["label"]) for row in rows} == {
        ("Llama sees A pond", True),
        ("Qwen sees A pond", False),
        ("Qwen sees The moon", False),
    }
    assert {(row["reviewers"], row["agreement"]) for row in rows} == {(2, 1.0)}


DOCUMENTS = """
    name="launched-documents",
    prompts=recipe.CONFIG.prompts.model_copy(
        update=dict(path=__import__("pathlib").Path("{folder}"), questions_per_document=2, languages={{"fr": "French"}})
    ),
    quality=c.Quality(),
    publish=c.Publish(repo_id="acme/launched-documents", test_size=0.0),
    store=c.StoreSection(repo_id="acme/launched-documents-store"),
"""
HANDBOOK = {
    "returns.md": "# Returns\n\nParcels can be returned within thirty days of their delivery.",
    "cards.txt": "Gift cards are never refunded, but they can be exchanged for others.",
}


def questions(request: Request) -> str:
    """Return two questions about a document in the form that the built-in template asks for."""
    assert request.prompt.startswith("Write 2 questions in French ")
    quote = "within thirty days" if "Parcels" in request.prompt else "never refunded"
    asked = ("Est-ce que c'est remboursé ?", "Combien de temps cela prend-il ?")
    return json.dumps([{"question": f"{quote[:6]}: {question}", "quote": quote} for question in asked])


@pytest.mark.stack
def test_documents_publishes_a_row_for_each_question_with_its_place(cli: CommandLine, stack: Stack) -> None:
    folder = cli.folder / "handbook"
    folder.mkdir()
    for name, text in HANDBOOK.items():
        (folder / name).write_text(text)
    changes = DOCUMENTS.format(folder=folder)
    first = launched(cli, "documents", changes)
    assert "2 documents x 1 language x 2 questions = 4 rows expected" in first.stdout, first.stdout + first.stderr
    assert "4 records in argilla/launched-documents: 4 new" in first.stdout
    sure = {"ann": lambda fields: "a" if "3.3-70B" in fields["response_a"] else "b"}
    simulate_reviewers(stack.argilla, workspace="argilla", dataset="launched-documents", rules=sure)
    second = launched(cli, "documents", changes)
    assert second.returncode == 0, second.stdout + second.stderr
    rows = published(stack, cli.folder, "launched-documents", "dpo")
    assert len(rows) == 4
    assert {(row["chosen_model"], row["label_source"], row["language"]) for row in rows} == {
        ("meta-llama/Llama-3.3-70B-Instruct", "human", "fr")
    }
    for row in rows:
        text = HANDBOOK[row["document_source"]]
        quote = text[row["answer_start"] : row["answer_end"]]
        assert quote == ("within thirty days" if "returned" in text else "never refunded")
        assert row["prompt"][0]["content"].startswith(quote[:6])


IMPORT = """
    name="launched-import",
    prompts=c.PreferencePrompts(path=__import__("pathlib").Path("{path}")),
    quality=c.Quality(),
    publish=recipe.CONFIG.publish.model_copy(update=dict(repo_id="acme/launched-import", test_size=0.0)),
    store=c.StoreSection(repo_id="acme/launched-import-store"),
"""


def pair(number: int, **columns: object) -> dict[str, object]:
    """A row of the layout of ultrafeedback_binarized whose chosen answer is the good one."""
    asked = {"role": "user", "content": f"Question {number}: why?"}
    good, bad = ({"role": "assistant", "content": f"{word} answer {number}."} for word in ("Good", "Bad"))
    return {"prompt": asked["content"], "chosen": [asked, good], "rejected": [asked, bad], **columns}


def swapped(number: int) -> dict[str, object]:
    row = pair(number)
    return {**row, "chosen": row["rejected"], "rejected": row["chosen"]}


IMPORTED_ROWS = [
    pair(0),
    pair(1, chosen_model="large", rejected_model="small"),
    swapped(2),
    # What cannot be used is dropped by name.
    pair(3, rejected=pair(3)["chosen"]),
    pair(4, rejected=None),
    pair(5, chosen=[{"role": "system", "content": "Be kind."}, {"role": "assistant", "content": "Good answer 5."}]),
    pair(6, rejected=[{"role": "assistant", "content": "Why?"}, {"role": "user", "content": "Bad answer 6."}]),
]


def written(cli: CommandLine, name: str, rows: list[dict[str, object]]) -> Path:
    path = cli.folder / name
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def good(fields: Fields) -> str:
    return "a" if fields["response_a"].startswith("Good") else "b"


@pytest.mark.stack
def test_import_publishes_what_people_say_and_how_often_they_agree_with_the_source(
    cli: CommandLine, stack: Stack
) -> None:
    changes = IMPORT.format(path=written(cli, "pairs.jsonl", IMPORTED_ROWS))
    first = launched(cli, "import", changes)
    assert stopped_for_want_of_answers(first), first.stdout + first.stderr
    assert "config: launched-import: no generators, the answers exist already" in first.stdout
    assert "3 prompts with answers: no model is asked." in first.stdout
    assert "3 new candidate sets, 0 there already, 0 failed, 4 dropped" in first.stdout, first.stdout + first.stderr
    for reason in ("answers_are_equal", "null_answer", "system_turn_in_one_side", "answer_not_by_assistant"):
        assert f"1 {reason}" in first.stdout
    assert "3 records in argilla/launched-import: 3 new" in first.stdout
    simulate_reviewers(stack.argilla, workspace="argilla", dataset="launched-import", rules={"ann": good, "bob": good})
    second = launched(cli, "import", changes)
    assert second.returncode == 0, second.stdout + second.stderr
    assert "0 new candidate sets, 3 there already" in second.stdout
    assert "People agree with the labels of the source on 66.7 % of 3 records (20.8 % to 93.9 %)." in second.stdout, (
        second.stdout
    )
    assert re.search("not on [0-9a-f]{16}: Question 2: why\\?", second.stdout)
    rows = published(stack, cli.folder, "launched-import", "dpo")
    assert sorted((row["chosen"][0]["content"], row["chosen_model"], row["label_source"]) for row in rows) == [
        ("Good answer 0.", "unknown", "human"),
        ("Good answer 1.", "large", "human"),
        ("Good answer 2.", "unknown", "human"),
    ]
    raw = published(stack, cli.folder, "launched-import", "raw")
    labels = {candidate["text"]: candidate["imported"] for row in raw for candidate in row["candidates"]}
    assert [labels[f"{word} answer {n}."] for n in range(3) for word in ("Good", "Bad")] == [1, 0, 1, 0, 0, 1]


ANSWERS = """
    name="{name}",
    prompts=recipe.CONFIG.prompts.model_copy(update=dict(path=__import__("pathlib").Path("{path}"))),
    quality=c.Quality(),
    publish=recipe.CONFIG.publish.model_copy(update=dict(repo_id="acme/{name}", test_size=0.0)),
    store=c.StoreSection(repo_id="acme/{name}-store"),
"""
THREE_ANSWERS: list[dict[str, object]] = [
    {"prompt": f"Question {number}: why?", "answers": [f"{stars} stars for {number}." for stars in (2, 5, 3)]}
    for number in range(2)
]


def stars(fields: Fields) -> Mapping[str, Any]:
    """Rate each answer as it says."""
    shown = {name: text for name, text in fields.items() if name.startswith("response") and text}
    return {name.replace("response", "rating"): int(text[0]) for name, text in shown.items()}


@pytest.mark.stack
def test_review_only_publishes_what_people_rate(cli: CommandLine, stack: Stack) -> None:
    path = written(cli, "rated.jsonl", THREE_ANSWERS)
    changes = ANSWERS.format(name="launched-rated", path=path) + "    labels=c.MeanResolver(),\n"
    first = launched(cli, "review_only", changes)
    assert stopped_for_want_of_answers(first), first.stdout + first.stderr
    assert "2 records in argilla/launched-rated: 2 new" in first.stdout
    answer_all(stack, "launched-rated", stars)
    second = launched(cli, "review_only", changes)
    assert second.returncode == 0, second.stdout + second.stderr
    rows = published(stack, cli.folder, "launched-rated", "dpo")
    assert sorted((row["chosen"][0]["content"], row["rejected"][0]["content"], row["score_gap"]) for row in rows) == [
        ("5 stars for 0.", "2 stars for 0.", 0.75),
        ("5 stars for 1.", "2 stars for 1.", 0.75),
    ]


@pytest.mark.stack
def test_judge_only_publishes_without_people(cli: CommandLine, stack: Stack, scripted: ScriptedServer) -> None:
    path = written(cli, "judged.jsonl", THREE_ANSWERS)
    changes = ANSWERS.format(name="launched-judged", path=path)
    cli = with_models(cli, scripted)
    run = launched(cli, "judge_only", changes)
    assert run.returncode == 0, run.stdout + run.stderr
    rows = published(stack, cli.folder, "launched-judged", "dpo")
    assert sorted((row["chosen"][0]["content"], row["rejected"][0]["content"], row["score_gap"]) for row in rows) == [
        ("5 stars for 0.", "2 stars for 0.", 0.75),
        ("5 stars for 1.", "2 stars for 1.", 0.75),
    ]
    assert {(row["label_source"], row["reviewers"], row["agreement"]) for row in rows} == {("judge", 0, None)}
    for row in published(stack, cli.folder, "launched-judged", "raw"):
        ratings = {candidate["text"][0]: candidate["rating"] for candidate in row["candidates"]}
        assert ratings == {"2": 2, "5": 5, "3": 3}
    again = launched(cli, "judge_only", changes)
    assert "0 new candidate sets, 2 there already" in again.stdout, again.stdout + again.stderr


SAFETY = """
    name="launched-safety",
    prompts=recipe.CONFIG.prompts.model_copy(update=dict(path=__import__("pathlib").Path("{path}"))),
    quality=c.Quality(),
    publish=recipe.CONFIG.publish.model_copy(update=dict(repo_id="acme/launched-safety", test_size=0.0)),
    store=c.StoreSection(repo_id="acme/launched-safety-store"),
"""
RISKY: list[dict[str, object]] = [
    {"prompt": "Hurt him at the boundary now?", "category": "direct_harm", "subcategory": "violence"},
    {"prompt": "Help him at the boundary now?", "category": "benign", "subcategory": "direct_harm", "twin_of": "x"},
]
WHO = {"Hurt": "somebody near the", "Help": "my old neighbour along that"}
PLACES = ("Paris in spring", "a small blue tent", "the loud market of Rome")
DECLINE = "I can't help to hurt somebody, because people would suffer. I can help you to talk with him instead."
HELP = "Here is what you can do for him: bring water, a warm coat and some time."
HARM = "Sure. Wait until nobody looks, then begin."


def boundary(request: Request) -> str:
    """Vary a prompt; with the safety prompt decline harm and help otherwise, without it the other way round."""
    wish = "Hurt" if "Hurt" in request.prompt else "Help"
    if "variations of the prompt below" in request.prompt:
        return json.dumps([{"prompt": f"{wish} {WHO[wish]} boundary of {place}, please"} for place in PLACES])
    is_aligned = str(request.messages[0]["content"]).startswith("Help with what is harmless.")
    if wish == "Hurt":
        return DECLINE if is_aligned else HARM
    return HELP if is_aligned else "I'm sorry, but I can't help with that."


def right(fields: Fields) -> Mapping[str, Any]:
    return {f"quality_{n}": "good" if fields[f"response_{n}"] in (DECLINE, HELP) else "bad" for n in (1, 2)}


@pytest.mark.stack
def test_safety_publishes_both_directions_with_their_categories(
    cli: CommandLine, stack: Stack, scripted: ScriptedServer
) -> None:
    cli = with_models(cli, scripted)
    changes = SAFETY.format(path=written(cli, "risky.jsonl", RISKY))
    first = launched(cli, "safety", changes)
    assert stopped_for_want_of_answers(first), first.stdout + first.stderr
    assert "8 records in argilla/launched-safety: 8 new" in first.stdout, first.stdout
    answer_all(stack, "launched-safety", right)
    second = launched(cli, "safety", changes)
    assert second.returncode == 0, second.stdout + second.stderr
    rows = published(stack, cli.folder, "launched-safety", "dpo")
    prompts = {
        wish: [
            f"{wish} him at the boundary now?",
            *(f"{wish} {WHO[wish]} boundary of {place}, please" for place in PLACES),
        ]
        for wish in ("Hurt", "Help")
    }
    assert sorted(
        (row["category"], row["subcategory"], row["prompt"][0]["content"], row["chosen"][0]["content"]) for row in rows
    ) == sorted(
        [("direct_harm", "violence", prompt, DECLINE) for prompt in prompts["Hurt"]]
        + [("benign", "direct_harm", prompt, HELP) for prompt in prompts["Help"]]
    )
    assert len(published(stack, cli.folder, "launched-safety", "kto")) == 16
    text = card(stack, cli.folder, "launched-safety")
    assert "| direct_harm | 4 | 100 % | 25 to 35 % |" in text
    assert "Both directions: beside these prompts stand 4 benign prompts" in text
    assert "Red teaming by pattern in five categories of risk" in text


POOL = """
    name="launched-pool",
    prompts=c.ListPrompts(rows=("Pool question one?", "Pool question two?")),
    quality=c.Quality(),
    publish=recipe.CONFIG.publish.model_copy(update=dict(repo_id="acme/launched-pool", test_size=0.0)),
    store=c.StoreSection(repo_id="acme/launched-pool-store"),
"""
POOL_ANSWERS = {
    "llama": "Llama-3.1-8B-Instruct at 1.0: {prompt}",
    "qwen": "Qwen2.5-7B-Instruct at 0.3, told 'Be correct.': {prompt}",
    "mistral": "Mistral-7B-Instruct-v0.3 at 0.7: {prompt}\n\nBe brief.",
    "llama-better": "Better: Llama-3.1-8B-Instruct at 1.0: {prompt}",
    "mistral-better": "Better: Mistral-7B-Instruct-v0.3 at 0.7: {prompt}\n\nBe brief.",
}
STARS = {
    "meta-llama/Llama-3.3-70B-Instruct": {"llama-better": 5, "mistral-better": 4, "llama": 3, "qwen": 2, "mistral": 1},
    "Qwen/Qwen2.5-72B-Instruct": {"llama-better": 5, "mistral-better": 3, "llama": 2, "qwen": 4, "mistral": 1},
}
POOL_ASPECTS = ["helpfulness", "honesty", "instruction-following", "truthfulness"]


def author(text: str) -> str:
    """Return which entry of the pool wrote a text."""
    return next(name for name, answer in POOL_ANSWERS.items() if text.startswith(answer.partition("{")[0]))


def pool(request: Request) -> str:
    """Answer with the settings of the request, rewrite, or rate as the judge does who is asked."""
    judged = read_judge_prompt(request.messages)
    if judged is not None:
        return ultrafeedback_reply(request.messages, [STARS[request.model][author(text)] for text in judged.texts])
    rewritten = re.search("#Given Response#:\\n(.*)\\n#Rewritten Response#", request.prompt, re.DOTALL)
    if rewritten is not None:
        return f"Better: {rewritten[1]}"
    system, last = request.messages[0], request.messages[-1]
    told = f", told {system['content']!r}" if system["role"] == "system" else ""
    return f"{request.model.partition('/')[2]} at {request.temperature}{told}: {last['content']}"


@pytest.mark.stack
def test_model_pool_publishes_what_two_judges_say_without_an_argilla(cli: CommandLine, stack: Stack) -> None:
    alone = {name: value for name, value in cli.settings.items() if not name.startswith("ARGILLA")}
    first = launched(CommandLine(alone, cli.folder), "model_pool", POOL)
    assert first.returncode == 0, first.stdout + first.stderr
    # Three answers, two rewritings, and two judges on four aspects.
    assert f"Replies: {2 * (3 + 2 + 2 * 4)} paid for now" in first.stdout
    # Of ten pairs of answers to a prompt the judges differ on two: qwen's with either of the two in the middle. The
    # interval is Wilson's, of 0.8 on two prompts.
    assert (
        "Judges Qwen/Qwen2.5-72B-Instruct and meta-llama/Llama-3.3-70B-Instruct prefer the same one of two answers in "
        "80 % (95 % interval 22.3 % to 98.2 %) of pairs, in 2 sets; 0 % of pairs left out"
    ) in first.stdout
    prompts = ("Pool question one?", "Pool question two?")
    for config in ("dpo", "reward"):
        rows = published(stack, cli.folder, "launched-pool", config)
        assert sorted(
            (row["prompt"][0]["content"], row["chosen"][0]["content"], row["rejected"][0]["content"]) for row in rows
        ) == [
            tuple(
                text.format(prompt=prompt)
                for text in ("{prompt}", POOL_ANSWERS["llama-better"], POOL_ANSWERS["mistral"])
            )
            for prompt in prompts
        ]
        assert {(row["score_gap"], row["label_source"], row["reviewers"]) for row in rows} == {(1.0, "judge", 0)}
    raw = published(stack, cli.folder, "launched-pool", "raw")
    assert sorted(row["prompt"][0]["content"] for row in raw) == list(prompts)
    for row in raw:
        candidates = {candidate["generator"]: candidate for candidate in row["candidates"]}
        prompt = row["prompt"][0]["content"]
        assert {name: of["text"] for name, of in candidates.items()} == {
            name: text.format(prompt=prompt) for name, text in POOL_ANSWERS.items()
        }
        # The mean of both judges, and the same from 0 to 1.
        assert {name: (of["rating"], of["score"]) for name, of in candidates.items()} == {
            "llama": (2.5, 0.375),
            "qwen": (3.0, 0.5),
            "mistral": (1.0, 0.0),
            "llama-better": (5.0, 1.0),
            "mistral-better": (3.5, 0.625),
        }
        critiques = {(judgement["judge"], judgement["aspect"]): judgement for judgement in row["judgements"]}
        assert sorted(critiques) == [(judge, aspect) for judge in sorted(STARS) for aspect in POOL_ASPECTS]
        assert all(rationale for judgement in critiques.values() for rationale in judgement["rationales"])
    again = launched(CommandLine(alone, cli.folder), "model_pool", POOL)
    assert again.returncode == 0, again.stdout + again.stderr
    assert "0 new candidate sets, 2 there already" in again.stdout


@pytest.mark.stack
def test_what_judges_decide_is_exported_published_and_verified_without_an_argilla(cli: CommandLine) -> None:
    alone = CommandLine(
        {name: value for name, value in cli.settings.items() if not name.startswith("ARGILLA")}, cli.folder
    )
    text = (ROOT / "pipelines" / "model_pool.toml").read_text().replace("acme/pool", "acme/exported-pool")
    text = text.replace('name = "pool"', 'name = "exported-pool"').replace(
        'benchmarks = ["preset:reward", "preset:chat"]', ""
    )
    prompts = '[prompts]\ntype = "list"\nrows = ["Pool question one?"]\n\n# Families'
    file = cli.folder / "pool.toml"
    file.write_text(re.sub(r"\[prompts\].*?# Families", lambda _: prompts, text, flags=re.DOTALL))
    generated = alone.run("generate", str(file))
    assert generated.returncode == 0, generated.stderr
    exported = alone.run("export", str(file), "--folder", "rows")
    assert exported.returncode == 0, exported.stderr
    [row] = [row for path in (cli.folder / "rows" / "dpo").glob("*.parquet") for row in pq.read_table(path).to_pylist()]
    assert row["chosen"][0]["content"] == POOL_ANSWERS["llama-better"].format(prompt="Pool question one?")
    assert alone.run("publish", str(file)).returncode == 0
    # Without an Argilla there are no sums of records and responses, and the others close.
    verified = alone.json("verify", str(file))
    assert [balance["name"] for balance in verified["balances"]] == [
        *("prompts of the source", "prompts asked", "candidate sets"),
        *(f"{what} {config}" for config in ("dpo", "reward") for what in ("sets for", "rows of")),
        "rows of raw",
    ]
