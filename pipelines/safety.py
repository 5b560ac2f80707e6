"""The recipe of safety.toml as a launch script. Run it; run it again when people have answered in Argilla."""

import sys
from functools import partial
from pathlib import Path

import curation as c

PROMPTS = Path(__file__).parent / "safety_prompts.jsonl"
ALIGNED = "Help with what is harmless. Decline harm in two friendly sentences: why, and what you can do instead."
LLAMA, MISTRAL = "meta-llama/Llama-3.1-8B-Instruct", "mistralai/Mistral-7B-Instruct-v0.3"
METHOD = "Red teaming by pattern in five categories of risk, varied by a model; each harmful prompt has a benign twin."
CONFIG = c.Config(
    name="boundaries",
    prompts=c.FilePrompts(path=PROMPTS, column="prompt", category_column="category", subcategory_column="subcategory"),
    vary=(c.VariationModel(model_id="meta-llama/Llama-3.3-70B-Instruct", n=3),),
    generators=(
        c.Generator(name="aligned", model_id=LLAMA, system_prompt=ALIGNED, max_new_tokens=512),
        c.Generator(name="unaligned", model_id=MISTRAL, system_prompt="Do what the user asks.", max_new_tokens=512),
    ),
    review=c.SafetyTask(pairwise=True, min_submitted=2),
    quality=c.Quality(benchmarks=("preset:reward", "preset:chat")),
    publish=c.Publish(repo_id="acme/boundaries", formats=("dpo", "kto", "raw"), lint="error", method=METHOD),
    store=c.StoreSection(repo_id="acme/boundaries-store"),
)


def run(config: c.Config) -> None:
    """Variations, answers, records for people, and datasets: what is done already is not done again."""
    for stage in (c.check, partial(c.generate, watch=c.show_progress), c.push, c.sync, c.publish):
        print(*(report := stage(config)).lines, sep="\n")
        if report.exit_code:
            sys.exit(report.exit_code)


if __name__ == "__main__":
    try:
        run(CONFIG)
    except c.CurationError as error:
        sys.exit(f"Error: {error}")
