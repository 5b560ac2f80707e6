"""What this project relies on in distilabel 1.5.3, and why it does not use some of it: a failure names what changed."""

from __future__ import annotations

import gc
import subprocess
import sys
import warnings
from importlib.metadata import requires
from typing import Any

import pytest

GOOD = "#### Output for Text 1\nRating: 5\nRationale: good\n\n#### Output for Text 2\nRating: 2\nRationale: weak"


@pytest.fixture(scope="module")
def judge() -> Any:
    from curation.generation.loading import load_distilabel

    options = load_distilabel("curation.generation.endpoints")
    from distilabel.steps.tasks import UltraFeedback

    llm = options.EndpointsLLM(name="judge", model_id="judge", base_url="http://127.0.0.1:9/v1")
    task = UltraFeedback(llm=llm, name="judge")
    with warnings.catch_warnings():
        # It leaves its template's file to the garbage collector.
        warnings.simplefilter("ignore", ResourceWarning)
        task.load()
        gc.collect()
    return task


@pytest.mark.parametrize(("package", "undeclared"), [("argilla", "requests"), ("distilabel", ("requests", "pillow"))])
def test_what_argilla_and_distilabel_import_is_still_not_declared(package: str, undeclared: str) -> None:
    plain = [line for line in requires(package) or [] if "extra ==" not in line]
    assert not [line for line in plain if line.lower().startswith(undeclared)]


@pytest.mark.slow
def test_importing_distilabel_replaces_the_excepthook_by_one_that_shows_locals() -> None:
    script = "import sys; before = sys.excepthook; import distilabel; print(sys.excepthook is before)"
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


@pytest.mark.slow
def test_statistics_of_an_llm_reach_the_rows_metadata_under_the_tasks_name(judge: Any) -> None:
    reply = {"generations": [GOOD], "statistics": {"input_tokens": [7], "failure": ["why"], "attempts": [2]}}
    [row] = judge._format_outputs(reply, {"instruction": "?", "generations": ["a", "b"]})
    assert row["distilabel_metadata"]["statistics_judge"] == {"input_tokens": 7, "failure": "why", "attempts": 2}


def test_grouping_merges_the_metadata_of_its_inputs() -> None:
    from distilabel.steps.columns.utils import group_columns

    rows = [
        [{"generation": text, "distilabel_metadata": {f"statistics_{text}": {"attempts": 1}}, "prompt_id": "p"}]
        for text in ("a", "b")
    ]
    [row] = group_columns(*rows, group_columns=["generation"], output_group_columns=["generations"])
    assert row["generations"] == ["a", "b"]
    assert row["prompt_id"] == "p"
    assert set(row["distilabel_metadata"]) == {"statistics_a", "statistics_b"}


@pytest.mark.slow
def test_the_stock_parser_reads_good_replies_as_ours_does(judge: Any) -> None:
    from curation.generation.ratings import parse_ratings

    stock = judge.format_output(GOOD, {"generations": ["a", "b"]})["ratings"]
    assert stock == [read.rating for read in parse_ratings(GOOD, 2)] == [5, 2]


@pytest.mark.slow
def test_the_stock_parser_puts_ratings_on_the_wrong_texts(judge: Any) -> None:
    preamble = f"Here is my assessment.\n\n{GOOD}"
    assert judge.format_output(preamble, {"generations": ["a", "b"]})["ratings"] == [None, 5, 2]
    swapped = "\n\n".join(reversed(GOOD.split("\n\n")))
    assert judge.format_output(swapped, {"generations": ["a", "b"]})["ratings"] == [2, 5]


def test_the_stock_judge_is_shown_a_failed_answer_as_the_text_none(judge: Any) -> None:
    messages = judge.format_input({"instruction": "?", "generations": ["a", None]})
    assert "<text 2> None" in messages[1]["content"]
