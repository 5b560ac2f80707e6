"""How fast documents become judged pairs, beside datafast: same documents, same endpoint of 200 ms, in one run.

`python -m tests.benchmarks.bench_documents [--quick]` prints a table and, last, one line of JSON. datafast gets an
environment of its own in .curation/datafast, installed by uv: pip's resolver does not come to an end with it.

- ratio_to_datafast: our rows per second over those of datafast. Rows are questions with two answers and their ratings.
- Both are asked for the same number of questions about each document, with a writer, a strong and a weak model and a
  judge. Ours sends one request more for each row (the question without its document) and writes to a store on a local
  Hub. datafast sends one request after the other; its rate does not depend on the number of documents, so it gets
  the first ten of them.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from curation.config import Config, Services
from curation.local.hub import HubServer
from curation.local.inference import Latency
from tests.benchmarks.serving import Serving
from tests.benchmarks.workload import CONCURRENCY, import_everything, say

DATAFAST = "datafast==0.0.36"
ENVIRONMENT = Path(".curation") / "datafast"
LATENCY = "0.2"
DOCUMENTS = 300
DATAFAST_DOCUMENTS = 10
QUESTIONS = 5
SMALLER = 10
GOAL = 30.0
ROLES = "{language_name}\n{document}\n{question}"
TEMPLATES = {
    "question": "QUESTIONS {num_samples} {language_name}\n{document}",
    "chosen": f"STRONG {ROLES}",
    "rejected": f"WEAK {ROLES}",
    "judge": "RATE\n{document}\n{question}\n{response}",
}


def document(number: int) -> str:
    """Return a document of about 300 words, each another."""
    lines = (
        f"Machine {number} has part {part} of kind {number * 31 + part}. It is checked every {part + 2} weeks, and "
        f"whoever checks it writes {number + part} into the book of the hall. Nobody repairs it alone."
        for part in range(10)
    )
    return f"# Document {number}\n\n" + "\n\n".join(lines)


def datafast_python() -> Path:
    """Return the interpreter that has datafast, after it is installed if it is not there."""
    python = ENVIRONMENT / "bin" / "python"
    if not python.exists() or subprocess.run([python, "-c", "import datafast"], check=False).returncode:
        uv = ENVIRONMENT.parent / "uv"
        subprocess.run([sys.executable, "-m", "venv", uv], check=True)
        subprocess.run([uv / "bin" / "pip", "install", "--quiet", "uv"], check=True)
        subprocess.run([uv / "bin" / "uv", "venv", "--clear", "--python", sys.executable, ENVIRONMENT], check=True)
        install: list[str | Path] = [
            uv / "bin" / "uv",
            "pip",
            "install",
            "--quiet",
            "--system-certs",
            "--python",
            python,
            DATAFAST,
        ]
        subprocess.run(install, check=True)
    return python


def run_datafast(python: Path, server: Serving, folder: Path, documents: list[str]) -> dict[str, Any]:
    """Return the seconds and rows of datafast, and the requests that it sent."""
    server.forget()
    task = {
        "base_url": server.base_url,
        "documents": documents,
        "questions": QUESTIONS,
        "templates": TEMPLATES,
        "output": str(folder / "datafast.jsonl"),
        "figures": str(folder / "figures.json"),
    }
    script = Path(__file__).with_name("datafast_rows.py")
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environment |= {"NO_PROXY": "127.0.0.1", "HF_HUB_OFFLINE": "1", "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
    subprocess.run([python, script, json.dumps(task)], env=environment, stdout=subprocess.DEVNULL, check=True)
    figures: dict[str, Any] = json.loads((folder / "figures.json").read_text())
    return figures | {"requests": sum(server.tally()["requests"].values())}


def run_ours(server: Serving, hub: HubServer, folder: Path) -> dict[str, Any]:
    """Return the seconds and rows of `generate` for the documents in a folder, and the requests that it sent."""
    from curation.stages.generate import generate

    server.forget()
    config = make_config(server.base_url, folder)
    started = time.perf_counter()
    report = generate(config, services=Services(hub_endpoint=hub.url, hub_token=hub.token))
    seconds = time.perf_counter() - started
    return {"seconds": seconds, "rows": report.made, "requests": sum(server.tally()["requests"].values())}


def make_config(base_url: str, folder: Path) -> Config:
    """Return the config of the recipe, with the templates that datafast has too; our judge has its own words."""
    place = {"base_url": base_url, "max_concurrency": CONCURRENCY}
    return Config.model_validate(
        {
            "name": "documents",
            "prompts": {
                "type": "documents",
                "path": str(folder),
                "questions_per_document": QUESTIONS,
                "question_model": {"model_id": "writer", **place},
                "question_templates": [TEMPLATES["question"]],
                "chosen_template": TEMPLATES["chosen"],
                "rejected_template": TEMPLATES["rejected"],
            },
            "generators": [
                {"name": "strong", "model_id": "strong", "role": "chosen", **place},
                {"name": "weak", "model_id": "weak", "role": "rejected", **place},
            ],
            "judge": {"model_id": "judge", **place},
            "publish": {"repo_id": "admin/documents"},
            "store": {"repo_id": "admin/documents-store"},
        }
    )


def main() -> int:
    """Measure both; return 1 if either made fewer rows than there are questions."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.bench_documents", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="ten times smaller")
    options = parser.parse_args()
    texts = [document(number) for number in range(DOCUMENTS // (SMALLER if options.quick else 1))]
    few = texts[:DATAFAST_DOCUMENTS]
    python = datafast_python()
    with tempfile.TemporaryDirectory(prefix="bench-documents-") as name:
        folder = Path(name)
        os.environ |= {"CURATION_CACHE": str(folder / "cache"), "HF_HOME": str(folder / "hf"), "NO_PROXY": "127.0.0.1"}
        (folder / "documents").mkdir()
        for number, text in enumerate(texts):
            (folder / "documents" / f"{number:05}.md").write_text(text)
        import_everything()
        with (
            Serving(folder / "server", latency=Latency.parse(LATENCY)) as server,
            HubServer(folder / "hub") as hub,
        ):
            theirs = run_datafast(python, server, folder, few)
            ours = run_ours(server, hub, folder / "documents")
    complete = (theirs["rows"], ours["rows"]) == (len(few) * QUESTIONS, len(texts) * QUESTIONS)
    rates = {name: run["rows"] / run["seconds"] for name, run in (("ours", ours), ("datafast", theirs))}
    ratio = rates["ours"] / rates["datafast"] if rates["datafast"] else None
    for name, run in (("ours", ours), ("datafast", theirs)):
        rows, seconds, requests = run["rows"], run["seconds"], run["requests"]
        say(f"{name:9} {rows:6,} rows {seconds:8.1f} s {rates[name]:8.2f} rows/s {requests:7,} requests")
    met = ratio is not None and ratio >= GOAL
    say(f"ratio_to_datafast {ratio or 0:.1f}, goal >= {GOAL:g}: {'ok' if met else 'MISSED'}")
    facts = {"benchmark": "documents", "quick": options.quick, "complete": complete, "ratio_to_datafast": ratio}
    say(json.dumps({**facts, "ours": ours, "datafast": theirs}))
    return 0 if complete else 1


if __name__ == "__main__":
    sys.exit(main())
