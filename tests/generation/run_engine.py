"""Runs one pipeline on one engine and writes what came out as sorted JSON lines: a process of its own for each.

Usage: python -m tests.generation.run_engine curation|own ENGINE URL FILE
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from distilabel.pipeline import Pipeline
from distilabel.steps import ExpandColumns, GroupColumns, LoadDataFromDicts
from distilabel.steps.tasks import EvolQuality, TextGeneration

from curation.generation import (
    Engine,
    Evolver,
    Generator,
    Models,
    UltraFeedbackJudge,
    generate_candidate_sets,
    run,
    spooled,
)
from curation.generation.endpoints import EndpointsLLM
from tests.generation.own_steps import AddLength, CountWords
from tests.rows import make_prompt

PROMPTS = [f"Question {number}: why?" for number in range(12)]


def models(url: str) -> Models:
    """Every kind of stage that a config can have."""
    return Models(
        generators=(
            Generator(model_id="small", name="cool", temperature=0.2, base_url=url, max_attempts=2),
            Generator(model_id="small", name="warm", temperature=1.0, base_url=url, max_attempts=2),
        ),
        evolve=(Evolver(model_id="small", base_url=url),),
        judges=(
            UltraFeedbackJudge(model_id="judge", base_url=url, order="swap", aspects=("honesty", "helpfulness")),
            UltraFeedbackJudge(model_id="judge", name="second", base_url=url),
        ),
    )


def own_pipeline(url: str) -> Pipeline:
    """A pipeline as a user writes it: mappings, several generations, a task of many turns, a step that adds rows."""

    def llm(name: str) -> EndpointsLLM:
        return EndpointsLLM(name=name, model_id=name, base_url=url, generation_kwargs={"temperature": 0.2})

    with Pipeline(name="own") as pipeline:
        load = LoadDataFromDicts(data=[{"question": prompt, "tags": ["new"]} for prompt in PROMPTS], batch_size=5)
        count = CountWords(name="count", input_mappings={"instruction": "question"})
        first = TextGeneration(
            name="first", llm=llm("one"), num_generations=2, input_mappings={"instruction": "question"}
        )
        second = TextGeneration(
            name="second", llm=llm("two"), num_generations=2, input_mappings={"instruction": "question"}
        )
        length = AddLength(name="length")
        group = GroupColumns(name="group", columns=["generation"], output_columns=["generations"])
        expand = ExpandColumns(name="expand", columns={"generations": "response"})
        evolve = EvolQuality(
            name="evolve",
            llm=llm("three"),
            num_evolutions=2,
            mutation_templates={"ONLY": "Better: <PROMPT> <RESPONSE>"},
            input_mappings={"instruction": "question"},
            add_raw_input=False,
        )
        load >> count >> [first, second]
        first >> length >> group
        second >> group >> expand >> evolve
    return pipeline


def main(what: str, engine: Engine, url: str, file: Path) -> None:
    """Run, and write what came out."""
    if what == "own":
        # EvolQuality writes the statistics of its whole batch into each of its rows.
        rows = [{**row, "distilabel_metadata": None} for row in run(own_pipeline(url), engine=engine)]  # type: ignore[dict-item]
        lines = [json.dumps(row, sort_keys=True) for row in rows]
    else:
        with spooled(make_prompt(text) for text in PROMPTS) as spool:
            sets = list(generate_candidate_sets("test", spool, models=models(url), engine=engine))
        lines = [candidate_set.model_dump_json() for candidate_set in sets]
    file.write_text("\n".join(sorted(lines)) + "\n")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], Path(sys.argv[4]))  # type: ignore[arg-type]
