"""What imports data frames can still be interrupted while it waits."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

WAITING = """
import os, queue, threading
from curation.frames import pl

pl.DataFrame({"number": [1]}).lazy().select(pl.col("number") + 1).collect()
answers, answered = queue.SimpleQueue(), threading.Event()

def answer():
    answered.set()
    answers.put(None)

threading.Timer(20, answer).start()
try:
    print("waiting", flush=True)
    answers.get()
except KeyboardInterrupt:
    print("only after the answer" if answered.is_set() else "while it waited", flush=True)
os._exit(0)
"""


def test_a_process_that_loaded_data_frames_is_interrupted_while_it_waits() -> None:
    process = subprocess.Popen([sys.executable, "-c", WAITING], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "waiting\n"
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=300)
    assert output == "while it waited\n"


def test_the_allocator_of_polars_keeps_memory_for_a_while_unless_somebody_chose_another_time() -> None:
    code = "import os, curation.frames; print(os.environ['_RJEM_MALLOC_CONF'])"
    chosen = "dirty_decay_ms:0"
    options = [
        subprocess.run(
            [sys.executable, "-c", code], env={**without_options(), **given}, capture_output=True, text=True, check=True
        ).stdout.strip()
        for given in ({}, {"_RJEM_MALLOC_CONF": chosen})
    ]
    # Polars puts its own options first; of two the later counts.
    assert options[0].endswith(",dirty_decay_ms:2000,muzzy_decay_ms:-1")
    assert options[1].endswith(f"_ms:1000,{chosen}")


def without_options() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name != "_RJEM_MALLOC_CONF"}
