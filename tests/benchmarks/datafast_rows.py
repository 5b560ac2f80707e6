"""Makes preference rows of documents with datafast, in an environment of its own, where `curation` is not installed.

`python datafast_rows.py TASK` takes a task (JSON) with `base_url`, `documents`, `questions`, `templates` and `output`,
and writes `seconds` and `rows` as JSON to the file `figures`: datafast and its logger print to stdout themselves. The
models are asked through datafast's provider for OpenRouter, whose address is set to that of the local server. datafast
has no setting for how many requests run at once.
"""

import json
import os
import sys
import time
from importlib import import_module
from pathlib import Path
from typing import Any


def main(task: dict[str, Any]) -> None:
    """Run one task; only the generation itself is timed, not the imports."""
    os.environ |= {
        "OPENROUTER_API_BASE": task["base_url"],
        "OPENROUTER_API_KEY": "none",
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    }
    datasets, llms, schema = (import_module(f"datafast.{name}") for name in ("datasets", "llms", "schema.config"))
    templates = task["templates"]
    config = schema.PreferenceDatasetConfig(
        input_documents=task["documents"],
        num_samples_per_prompt=task["questions"],
        question_generation_prompts=[templates["question"]],
        chosen_response_generation_prompt=templates["chosen"],
        rejected_response_generation_prompt=templates["rejected"],
        llm_as_judge=True,
        judge_prompt=templates["judge"],
        output_file=task["output"],
    )
    writer, strong, weak, judge = (
        llms.OpenRouterProvider(model_id=name) for name in ("writer", "strong", "weak", "judge")
    )
    started = time.perf_counter()
    dataset = datasets.PreferenceDataset(config).generate(
        question_gen_llm=writer, chosen_response_gen_llm=strong, rejected_response_gen_llm=weak, judge_llm=judge
    )
    seconds = time.perf_counter() - started
    judged = [row for row in dataset.data_rows if row.chosen_response_score is not None]
    Path(task["figures"]).write_text(json.dumps({"seconds": seconds, "rows": len(judged)}))


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
