"""Documents as users ask about them: questions, answers by role, rows; what is missing is asked, and nothing else."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from curation.hub import connect
from curation.local import Stack
from curation.local.inference import Fault, Request, ScriptedServer, read_judge_prompt, ultrafeedback_reply
from curation.local.reviewers import simulate_reviewers
from curation.store import Snapshot, Store
from curation.types import Prompt
from tests.conftest import CommandLine
from tests.documents.pdf import pdf_bytes
from tests.flows.running import chats, with_models
from tests.flows.test_loop import card, published

pytestmark = pytest.mark.stack

TOML = """\
name = "{name}"

[prompts]
type = "documents"
path = "handbook"
questions_per_document = 2
languages = {{ en = "English", fr = "French" }}
question_templates = ["ASK {{num_samples}} {{language_name}} {{document}}"]
chosen_template = "STRONG {{language_name}} {{document}} Q: {{question}}"
rejected_template = "WEAK {{language_name}} {{document}} Q: {{question}}"
judge_template = "RATED {{language_name}} {{document}} Q: {{question}}"
{prompts}

[prompts.question_model]
model_id = "writer"
max_attempts = 2

[[generators]]
name = "strong"
model_id = "small"
role = "chosen"
max_attempts = 2

[[generators]]
name = "weak"
model_id = "small"
role = "rejected"
max_attempts = 2

{more}

[publish]
repo_id = "acme/{name}"
formats = ["dpo", "kto", "raw"]
test_size = 0.0

[store]
repo_id = "acme/{name}-store"
"""
ROLES = "[labels]\naccept_roles = true\n"
RETURNS = "Parcels can be returned within thirty days of delivery. The shop pays the postage."
CARDS = "Gift cards are never refunded. They can be exchanged within a year {or never}."
QUOTES = {"returns.md": "within thirty days of delivery", "cards.txt": "within a year {or never}"}


def reply(request: Request) -> str:
    """Two questions a document, the first with what answers it; the second of the French ones repeats the first."""
    text = request.prompt
    if read_judge_prompt(request.messages) is not None:
        return ultrafeedback_reply(request.messages)
    if text.startswith("ASK"):
        _, number, language, document = text.split(" ", 3)
        about = "parcels" if "Parcels" in document else "cards"
        quote = QUOTES["returns.md" if about == "parcels" else "cards.txt"]
        asked = [
            {
                "question": f"{language}: how long do people have to send back their {about} after they came?",
                "quote": quote,
            },
            {
                "question": f"{language}: who pays for the {about} that people send back, and when?",
                "quote": "not there",
            },
        ]
        return json.dumps([asked[0], asked[0] if language == "French" else asked[1]][: int(number)])
    if text.startswith(("STRONG", "WEAK")):
        return f"{text.split(' ', 1)[0].lower()} answer to {text.partition('Q: ')[2]}"
    return "I do not know."


def write(folder: Path, name: str, *, prompts: str = "", more: str = ROLES) -> str:
    handbook = folder / "handbook"
    handbook.mkdir()
    (handbook / "returns.md").write_text(f"# Returns\n\n{RETURNS}\n")
    (handbook / "cards.txt").write_text(CARDS)
    (handbook / "scan.pdf").write_bytes(pdf_bytes(["", ""]))
    (folder / f"{name}.toml").write_text(TOML.format(name=name, prompts=prompts, more=more))
    return f"{name}.toml"


def store_of(stack: Stack, name: str) -> Snapshot:
    return Store(connect(stack.hub.url, stack.hub.token), f"acme/{name}-store", name=name, min_candidates=2).snapshot()


def question_requests(server: ScriptedServer) -> list[str]:
    return [request.prompt for request in chats(server) if request.prompt.startswith("ASK")]


def test_check_and_preview_say_how_many_rows_to_expect_before_anything_is_stored(cli: CommandLine) -> None:
    config = write(cli.folder, "documents-expected")
    with ScriptedServer(reply) as server:
        line = with_models(cli, server)
        said = line.run("check", config)
        assert said.returncode == 0, said.stdout
        # Whether a model answers at all costs nothing to ask.
        assert {request.prompt for request in chats(server)} == {"Hi"}
        assert (
            "2 documents x 2 languages x 2 questions = 8 rows expected, from 4 requests for questions about 2 parts."
            in said.stdout
        )
        assert "Not read: 1 pdf_without_text." in said.stdout
        assert "scan.pdf is a PDF whose pages are pictures; recognise their text first (OCR)." in said.stdout
        # Four requests for questions, eight without the document, sixteen answers.
        assert "8 prompts need at most 28 requests" in said.stdout
        preview = line.run("generate", config, "--preview", "1")
        assert preview.returncode == 0, preview.stderr
        assert "= 8 rows expected" in preview.stderr
        assert len(question_requests(server)) == 1
        assert "strong answer to English: how long" in preview.stdout


def test_documents_become_questions_answers_and_rows_by_role_with_their_places(cli: CommandLine, stack: Stack) -> None:
    config = write(cli.folder, "documents")
    with ScriptedServer(reply) as server:
        line = with_models(cli, server)
        report = line.json("generate", config)
        # The French second question repeats the first.
        assert (report["prompts"], report["made"], report["dropped"]) == (8, 6, {"repeated_question": 2})
        questions = report["questions"]
        assert (questions["documents"], questions["parts"], questions["covered"]) == (2, 2, 2)
        assert (questions["requests"], questions["questions"], questions["grounded"]) == (4, 6, 4)
        assert questions["unread"] == {"pdf_without_text": 1}
        assert len(question_requests(server)) == 4
        # Without the document: the four questions that name what answers them.
        assert Counter(request.prompt.split(" ")[0] for request in chats(server)) == {
            "ASK": 4,
            "English:": 2,
            "French:": 2,
            "STRONG": 6,
            "WEAK": 6,
        }
        [request] = [
            r.prompt
            for r in chats(server)
            if "STRONG" in r.prompt and "how long" in r.prompt and "French" in r.prompt and "Gift" in r.prompt
        ]
        assert request == (
            f"STRONG French {CARDS} Q: French: how long do people have to send back their cards after they came?"
        )
        asked = len(chats(server))
        assert line.json("generate", config)["already"] == 6
        assert len(chats(server)) == asked
        # Without a place where people review, nothing keeps these rows from being published.
        assert f"Next: curation publish {config}" in line.run("generate", config, ARGILLA_API_URL="").stderr
        assert f"Next: curation push {config}" in line.run("generate", config).stderr
        status = line.json("status", config)
    assert status["spending"]["requests"] == asked
    # Roles decide: what was never pushed counts as `publish` would count it, and is not stored for that.
    assert (status["rows"]["dpo"], status["to_push"]) == (6, 6)
    assert cli.json("publish", config, "--dry-run")["rows"]["dpo"] == 6
    assert not store_of(stack, "documents").records
    assert cli.json("push", config)["records"] == 6
    assert cli.json("publish", config)["rows"]["dpo"] == 6
    # Each of the two documents is a single part. One question in each language names no answer.
    covered = {"documents": 2, "parts": 2, "covered": 2, "questions": 6, "grounded": 4, "unanswerable": 0}
    assert cli.json("status", config)["documents"] == covered
    assert "they cover 100 % of 2 parts. Of those with an answer, 66.7 % name it." in card(
        stack, cli.folder, "documents"
    )
    rows = {row["prompt"][0]["content"]: row for row in published(stack, cli.folder, "documents", "dpo")}
    assert len(rows) == 6
    row = rows["French: how long do people have to send back their cards after they came?"]
    assert row["chosen"][0]["content"].startswith("strong answer to French")
    assert row["rejected"][0]["content"].startswith("weak answer to French")
    assert (row["label_source"], row["reviewers"], row["language"]) == ("role", 0, "fr")
    assert (row["document_source"], row["part"], row["answerable"]) == ("cards.txt", 1, True)
    assert CARDS[row["part_start"] : row["part_end"]] == CARDS
    assert CARDS[row["answer_start"] : row["answer_end"]] == QUOTES["cards.txt"]
    document = f"# Returns\n\n{RETURNS}"
    row = rows["English: how long do people have to send back their parcels after they came?"]
    assert document[row["answer_start"] : row["answer_end"]] == QUOTES["returns.md"]
    row = rows["English: who pays for the parcels that people send back, and when?"]
    assert (row["answer_start"], row["answer_end"]) == (None, None)
    assert {row["document_id"] for row in rows.values()} == {
        prompt.passage.document_id for prompt in _prompts(stack, "documents") if prompt.passage is not None
    }


def _prompts(stack: Stack, name: str) -> list[Prompt]:
    return [candidate_set.prompt for candidate_set in store_of(stack, name).candidate_sets.values()]


def test_what_people_say_comes_before_the_judge_and_the_judge_before_roles(cli: CommandLine, stack: Stack) -> None:
    judged = '[judge]\nmodel_id = "judge"\n\n[labels]\njudge_fallback = true\naccept_roles = true\n'
    config = write(cli.folder, "documents-judged", more=judged)
    with ScriptedServer(reply) as server:
        line = with_models(cli, server)
        assert line.json("generate", config)["made"] == 6
        rated = [request for request in chats(server) if read_judge_prompt(request.messages) is not None]
        assert len(rated) == 6
        assert all(re.search(r"RATED (English|French) ", request.prompt) for request in rated)
    assert cli.json("push", config)["records"] == 6
    cli.json("publish", config)
    assert {row["label_source"] for row in published(stack, cli.folder, "documents-judged", "dpo")} == {"judge"}
    simulate_reviewers(
        stack.argilla,
        workspace="argilla",
        dataset="documents-judged",
        rules={"simulated-sure": lambda fields: "a" if "strong" in str(fields["response_a"]) else "b"},
    )
    assert cli.json("sync", config)["responses"] == 6
    cli.json("publish", config)
    rows = published(stack, cli.folder, "documents-judged", "dpo")
    assert {row["label_source"] for row in rows} == {"simulated"}
    assert [row["chosen_model"] for row in rows] == ["small"] * 6
    assert all(row["chosen"][0]["content"].startswith("strong") for row in rows)


def test_without_people_judge_or_accepted_roles_nothing_is_published(cli: CommandLine) -> None:
    config = write(cli.folder, "documents-undecided", more="")
    with ScriptedServer(reply) as server:
        assert with_models(cli, server).json("generate", config)["made"] == 6
    cli.json("push", config)
    assert "No row to publish from 6 records (6 unreviewed)" in cli.error("publish", config)


def test_a_reviewer_sees_the_part_of_the_document_above_the_question(cli: CommandLine, stack: Stack) -> None:
    config = write(cli.folder, "documents-seen")
    with ScriptedServer(reply) as server:
        with_models(cli, server).json("generate", config)
    cli.json("push", config)
    seen: list[str] = []

    def look(fields: Mapping[str, Any]) -> str:
        seen.append(json.dumps(fields["prompt"]))
        return "a"

    simulate_reviewers(stack.argilla, workspace="argilla", dataset="documents-seen", rules={"simulated-eye": look})
    assert len(seen) == 6
    assert all("part 1" in text and ("Gift cards" in text or "Parcels can be" in text) for text in seen)


def test_a_reply_that_cannot_be_read_is_asked_for_once_more_and_then_a_failure(cli: CommandLine, stack: Stack) -> None:
    config = write(cli.folder, "documents-unread")

    def stubborn(request: Request) -> str:
        """The French never answer; of the English the first reply about cards is prose."""
        first = request.messages[0]["content"]
        if first.startswith("ASK 2 French"):
            return "Je ne sais pas."
        if first.startswith("ASK 2 English Gift") and len(request.messages) == 1:
            return "Sure! Here they are."
        if first.startswith("ASK"):
            return '["English: who pays?", "English: when does one pay?"]'
        return reply(request)

    with ScriptedServer(stubborn) as server:
        line = with_models(cli, server)
        report = line.json("generate", config, exit_code=1)
        assert (report["made"], report["dropped"]) == (4, {"no_question": 4})
        assert (report["questions"]["failed"], report["questions"]["failed_for_good"]) == (2, 2)
        [failure] = report["failures"]
        assert (failure["stage"], failure["reason"], failure["count"]) == ("question", "unreadable_questions", 2)
        again = [request for request in chats(server) if len(request.messages) == 3]
        assert len(again) == 3
        assert all("could not be read as a list of questions" in request.prompt for request in again)
        asked = len(chats(server))
        assert line.json("generate", config, exit_code=1)["already"] == 4
        # What failed is in the cache: nothing is paid for twice.
        assert len(chats(server)) == asked
    assert line.json("status", config)["spending"]["requests"] == asked


def test_a_request_for_questions_that_fails_is_asked_again_and_no_other(cli: CommandLine) -> None:
    config = write(cli.folder, "documents-failed")
    fault = Fault(kind="status", status=503, match="ASK 2 French Gift", attempts=2)
    with ScriptedServer(reply, faults=[fault]) as server:
        line = with_models(cli, server)
        report = line.json("generate", config, exit_code=3)
        assert (report["made"], report["questions"]["failed"]) == (5, 1)
        before = len(chats(server))
        report = line.json("generate", config)
        assert (report["made"], report["already"]) == (1, 5)
        later = chats(server)[before:]
    assert Counter(request.prompt.split(" ")[0] for request in later) == {
        "ASK": 1,
        "French:": 1,
        "STRONG": 1,
        "WEAK": 1,
    }


def test_the_budget_counts_questions_too(cli: CommandLine) -> None:
    config = write(cli.folder, "documents-budget", more=f"{ROLES}\n[generate]\nbudget = {{ tokens = 10 }}\n")
    with ScriptedServer(reply) as server:
        report = with_models(cli, server).json("generate", config, exit_code=1)
        assert not chats(server)
    assert report["questions"]["left"] == 4


def test_no_question_is_paid_for_if_a_model_that_is_to_answer_or_judge_cannot_be_reached(cli: CommandLine) -> None:
    closed = "http://127.0.0.1:9"
    judge = f'[judge]\nmodel_id = "judge"\nbase_url = "{closed}/v1"\n\n[labels]\njudge_fallback = true\n'
    config = write(cli.folder, "documents-unreached", more=judge)
    with ScriptedServer(reply) as server:
        fault = with_models(cli, server).error("generate", config, exit_code=3)
        assert f"The endpoint of judge at {closed}/v1 does not answer" in fault
        assert not chats(server)


def test_a_document_more_asks_about_that_document_alone(cli: CommandLine) -> None:
    config = write(cli.folder, "documents-more")
    with ScriptedServer(reply) as server:
        line = with_models(cli, server)
        line.json("generate", config)
        before = len(question_requests(server))
        (cli.folder / "handbook" / "about.txt").write_text("Parcels are what the shop sends, and nothing else at all.")
        report = line.json("generate", config)
        assert (report["already"], report["made"]) == (6, 3)
        assert [text.split(" ", 3)[3][:11] for text in question_requests(server)[before:]] == ["Parcels are"] * 2


def test_unanswerable_questions_are_answered_by_saying_so(cli: CommandLine, stack: Stack) -> None:
    config = write(
        cli.folder,
        "documents-unanswerable",
        prompts='unanswerable = 0.9\nunanswerable_template = "ASK {num_samples} {language_name} {document}"',
    )
    with ScriptedServer(reply) as server:
        report = with_models(cli, server).json("generate", config)
        unanswerable = report["questions"]["unanswerable"]
        assert unanswerable >= 4
        noted = [
            request.prompt
            for request in chats(server)
            if "the document does not answer this question" in request.prompt
        ]
    assert len(noted) == unanswerable
    assert all(text.startswith("STRONG") for text in noted)
    passages = [prompt.passage for prompt in _prompts(stack, "documents-unanswerable") if prompt.passage]
    assert sum(not passage.answerable for passage in passages) == unanswerable
    assert all(passage.answer_start is None for passage in passages if not passage.answerable)


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({}, "The folder .*handbook holds no files"),
        (
            {"a.txt": b"\x7fELF\x00"},
            r"holds no document to ask about: 1 binary\.\n  a\.txt holds bytes that are no text",
        ),
        ({"a.pdf": pdf_bytes([""])}, r"1 pdf_without_text\.\n  a\.pdf is a PDF whose pages are pictures"),
    ],
)
def test_documents_that_give_nothing_end_the_run_with_their_names(
    cli: CommandLine, files: dict[str, bytes], said: str
) -> None:
    config = write(cli.folder, "documents-none")
    for file in (cli.folder / "handbook").iterdir():
        file.unlink()
    for name, content in files.items():
        (cli.folder / "handbook" / name).write_bytes(content)
    assert re.search(said, cli.error("generate", config))


def test_what_is_refused_pays_for_no_questions(cli: CommandLine) -> None:
    config = write(cli.folder, "documents-refused")
    file = cli.folder / config
    with ScriptedServer(reply) as server:
        line = with_models(cli, server)
        line.json("generate", config)
        before = len(chats(server))
        (cli.folder / "handbook" / "about.txt").write_text("Parcels are what the shop sends, and nothing else at all.")
        settings = file.read_text()
        # Other settings of the models: nobody said yet what happens to the answers that exist.
        file.write_text(settings.replace('name = "weak"', 'name = "weak"\ntemperature = 0.1'))
        assert "Settings changed (weak: temperature 0.7 -> 0.1)" in line.error("generate", config)
        assert len(chats(server)) == before
        # A benchmark that is not there.
        file.write_text(f'{settings}\n[quality]\nbenchmarks = ["acme/no-such-benchmark"]\n')
        for arguments in ((), ("--preview", "5")):
            assert "acme/no-such-benchmark" in line.error("generate", config, *arguments)
        assert len(chats(server)) == before
        # Answers that are kept are no reason to ask for less: the new document has its questions.
        file.write_text(settings.replace('name = "weak"', 'name = "weak"\ntemperature = 0.1'))
        report = line.json("generate", config, "--only-missing")
        assert (report["already"], report["made"]) == (6, 3)


def test_documents_of_the_hub_are_asked_about_by_their_column_of_text(cli: CommandLine, stack: Stack) -> None:
    config = write(cli.folder, "documents-hub")
    file = cli.folder / config
    file.write_text(file.read_text().replace('path = "handbook"', 'repo_id = "acme/handbook-texts"\ncolumn = "body"'))
    rows = [{"body": RETURNS, "n": 1}, {"body": None, "n": 2}, {"body": CARDS, "n": 3}, {"body": RETURNS, "n": 4}]
    hub = connect(stack.hub.url, stack.hub.token)
    hub.create_repo("acme/handbook-texts", repo_type="dataset", private=True)
    hub.upload_file(
        path_or_fileobj="".join(f"{json.dumps(row)}\n" for row in rows).encode(),
        path_in_repo="data.jsonl",
        repo_id="acme/handbook-texts",
        repo_type="dataset",
    )
    with ScriptedServer(reply) as server:
        report = with_models(cli, server).json("generate", config)
        assert len(question_requests(server)) == 4
    assert report["questions"]["documents"] == 2
    assert report["questions"]["unread"]["duplicate"] == 1
    assert sum(report["questions"]["unread"].values()) == 2
    assert report["made"] == 6
    passages = [prompt.passage for prompt in _prompts(stack, "documents-hub") if prompt.passage]
    assert {passage.source for passage in passages} == {"acme/handbook-texts#1", "acme/handbook-texts#3"}
    answers = {RETURNS[p.answer_start : p.answer_end] for p in passages if p.source.endswith("#1") and p.answer_end}
    assert answers == {QUOTES["returns.md"]}
