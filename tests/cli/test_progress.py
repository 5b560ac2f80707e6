"""How far a generation is, on stderr: lines in a log, events for programs, a table on a terminal, nothing if quiet."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from rich.console import Console

from curation.cli import progress
from curation.cli.output import Format, Output
from curation.cli.progress import progress_shown, segments_shown, stage_lines, tell
from curation.generation import Generator, Meter, Models, RunProgress, UltraFeedbackJudge, stage_meters
from tests.rows import make_set

HUMAN, JSON = Output(Format.human), Output(Format.json)
PRICES = {"price_in": 1.0, "price_out": 10.0}
SLOW = "answers: a-model-with-a-long-name: 16 -> 8 requests at once; 9 of 16 replies were 429 or timeouts."


def started(*, prompts: int = 5, priced: bool = True, name: str = "a-model-with-a-long-name") -> Meter:
    """Return the meter of a generator and a judge before the first request."""
    generator = Generator(model_id="small", name=name, **(PRICES if priced else {}))
    meter = Meter()
    models = Models(generators=(generator,), judges=(UltraFeedbackJudge(model_id="judge", **PRICES),))
    meter.start(stage_meters(models), prompts=prompts)
    return meter


def running(**options: Any) -> Meter:
    """Return a meter with some counts: 3 answers, one of them cached, a failure, 1,200 judgements in flight."""
    meter = started(**options)
    answers, judgements = meter.stages
    answers.replied(1000, 200)
    answers.replied(1000, 300)
    answers.replied(1000, 200, cached=True)
    answers.failed, answers.in_flight, answers.limit = 1, 2, 8
    judgements.in_flight, judgements.limit = 1, 16
    meter.finished(make_set(), counted=True)
    meter.story.extend([SLOW, "It is well again."])
    return meter


def events(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_a_log_has_the_stories_then_the_run_then_its_stages(capsys: pytest.CaptureFixture[str]) -> None:
    meter = running()
    tell(meter, HUMAN, last=False)
    out, said = capsys.readouterr()
    first, second, line, *stages = said.splitlines()
    assert out == ""
    assert (first, second) == (SLOW, "It is well again.")
    counts = r"1 of 5 prompts, 0 failed, 2,500 tokens, \$0\.0070"
    assert re.fullmatch(rf"Generating: {counts}, \d+:\d\d so far, about \d+:\d\d left", line)
    assert len(stages) == 2
    assert stages[0].startswith(
        "  answers: a-model-with-a-long-name  2 of 5 done, 1 cached, 2 of 8 in flight, 1 failed, "
    )
    assert stages[1] == "  judge                              0 of 5 done, 1 of 16 in flight, 0 failed, 0.0/s"


def test_a_story_is_told_once(capsys: pytest.CaptureFixture[str]) -> None:
    meter = running()
    tell(meter, HUMAN, last=False)
    assert SLOW in capsys.readouterr().err
    tell(meter, HUMAN, last=True)
    assert SLOW not in capsys.readouterr().err
    assert not meter.story


def test_a_log_leaves_out_an_unknown_cost(capsys: pytest.CaptureFixture[str]) -> None:
    tell(running(priced=False), HUMAN, last=False)
    assert "$" not in capsys.readouterr().err


@pytest.mark.parametrize("meter", [Meter(), started(prompts=0)], ids=["not started", "no prompts"])
def test_a_log_of_a_run_that_had_nothing_to_do_is_empty(meter: Meter, capsys: pytest.CaptureFixture[str]) -> None:
    tell(meter, HUMAN, last=True)
    assert capsys.readouterr().err == ""


def test_events_are_lines_of_json_with_every_count(capsys: pytest.CaptureFixture[str]) -> None:
    meter = running()
    tell(meter, JSON, last=False)
    out, said = capsys.readouterr()
    first, second, counts = events(said)
    assert out == ""
    assert first == {"event": "story", "text": SLOW}
    assert second == {"event": "story", "text": "It is well again."}
    assert counts.pop("event") == "progress"
    assert counts["cost"] == pytest.approx(0.007)
    assert RunProgress.model_validate_json(json.dumps(counts)).tokens == 2500
    assert (counts["prompts"], counts["done"], counts["failed"]) == (5, 1, 0)
    answers, judgements = counts["stages"]
    assert answers["stage"] == "generate a-model-with-a-long-name"
    assert {key: answers[key] for key in ("total", "done", "cached", "failed", "in_flight", "limit")} == {
        "total": 5,
        "done": 2,
        "cached": 1,
        "failed": 1,
        "in_flight": 2,
        "limit": 8,
    }
    assert (answers["input_tokens"], answers["output_tokens"]) == (2000, 500)
    assert (judgements["cost"], judgements["seconds_left"]) == (0.0, None)


def test_an_unknown_cost_is_null_in_an_event(capsys: pytest.CaptureFixture[str]) -> None:
    tell(running(priced=False), JSON, last=False)
    counts = events(capsys.readouterr().err)[-1]
    assert counts["cost"] is None
    assert [stage["cost"] for stage in counts["stages"]] == [None, 0.0]


def test_the_last_event_is_done_and_comes_when_the_work_ends(capsys: pytest.CaptureFixture[str]) -> None:
    meter = started()
    with progress_shown(meter, JSON):
        meter.story.append("Wärmer 👩\u200d👧")
        meter.finished(make_set(), counted=True)
    said = capsys.readouterr().err
    assert "Wärmer 👩\u200d👧" in said
    assert [event["event"] for event in events(said)] == ["story", "done"]
    assert events(said)[-1]["done"] == 1


def test_the_last_event_comes_even_if_the_work_fails(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(KeyboardInterrupt), progress_shown(started(), JSON):
        raise KeyboardInterrupt
    assert [event["event"] for event in events(capsys.readouterr().err)] == ["done"]


def test_progress_is_printed_again_and_again_while_the_work_goes_on(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "EVENT_SECONDS", 0.001)
    meter, said = started(), ""
    with progress_shown(meter, JSON):
        while said.count("progress") < 2:
            said += capsys.readouterr().err
    said += capsys.readouterr().err
    assert {event["event"] for event in events(said)[:-1]} == {"progress"}
    assert events(said)[-1]["event"] == "done"


def test_people_without_a_terminal_get_the_log(capsys: pytest.CaptureFixture[str]) -> None:
    with progress_shown(running(), HUMAN):
        pass
    said = capsys.readouterr().err.splitlines()
    assert said[0] == SLOW
    assert said[2].startswith("Generating: 1 of 5 prompts")
    assert len(said) == 5


def test_quiet_shows_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with progress_shown(running(), Output(Format.quiet)):
        pass
    assert capsys.readouterr() == ("", "")


def test_people_are_told_of_segments_if_there_are_several_and_programs_always(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for out in (HUMAN, JSON, Output(Format.quiet)):
        with segments_shown(out) as watch:
            watch(1, 1)
            watch(1, 2)
    first, *objects = capsys.readouterr().err.splitlines()
    assert first == "1 of 2 segments"
    assert [json.loads(line) for line in objects] == [
        {"event": "segment", "done": 1, "total": 1},
        {"event": "segment", "done": 1, "total": 2},
    ]


def test_the_lines_of_stages_are_aligned() -> None:
    lines = list(stage_lines(running().progress()))
    assert len({line.index(" of 5 done") for line in lines}) == 1
    assert len(list(stage_lines(started().progress()))) == 2


def drawn(meter: Meter, width: int = 200) -> str:
    """Return the table as a terminal of so many columns shows it."""
    console = Console(width=width, color_system=None)
    with console.capture() as capture:
        console.print(progress._drawn(meter.progress(), width))
    return capture.get()


def test_the_table_has_a_row_for_each_stage() -> None:
    line, head, answers, judgements = drawn(running()).splitlines()
    assert line.startswith("Generating: 1 of 5 prompts")
    assert head.split("  ")[0] == "stage"
    assert " ".join(head.split()) == "stage done cached in flight failed rate left tokens cost"
    words = " ".join(answers.split())
    # Two answers were paid for, one was in the cache, one failed.
    assert words.startswith("answers: a-model-with-a-long-name 4 of 5 1 2 of 8 1 ")
    assert words.endswith(" 2,500 $0.0070")
    assert " ".join(judgements.split()) == "judge 0 of 5 0 1 of 16 0 0.0/s 0"


@pytest.mark.parametrize("name", ["small", "a-model-with-a-long-name", "a-name-" * 12])
@pytest.mark.parametrize("width", [72, 80, 120])
def test_the_table_fits_the_terminal_with_what_matters_most(width: int, name: str) -> None:
    meter = running(name=name, prompts=200_000)
    lines = drawn(meter, width).splitlines()
    assert max(len(line.rstrip()) for line in lines) <= width
    [head] = [line for line in lines if line.startswith("stage")]
    assert {"stage", "done", "rate", "left", "cost"} <= set(head.split())
    answers, judgements = lines[lines.index(head) + 1 :]
    assert answers.startswith(f"answers: {name[:6]}")
    assert "4 of 200,000" in answers
    assert answers.rstrip().endswith("$0.0070")
    assert judgements.startswith("judge ")


def test_the_run_in_one_line_is_broken_between_words() -> None:
    lines = drawn(running(), 40).splitlines()
    assert lines[0].startswith("Generating: 1 of 5 prompts, 0 failed,")


def test_a_run_that_asks_nothing_shows_nothing() -> None:
    assert drawn(started(prompts=0)) == ""


def test_the_table_shows_an_unknown_cost_as_unknown() -> None:
    assert drawn(running(priced=False)).splitlines()[2].rstrip().endswith("unknown")


@pytest.mark.parametrize("name", ["llama[concise]", "llama[/concise]"])
def test_a_name_with_brackets_is_not_read_as_markup(name: str) -> None:
    assert f"answers: {name} " in drawn(started(name=name))


def test_names_and_sentences_cannot_control_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    name = "a\x1b[2J\u202eb"
    for out in (HUMAN, JSON):
        meter = running(name=name)
        meter.story.append(f"429: {name}\n\x9b31m")
        tell(meter, out, last=False)
        said = capsys.readouterr().err
        assert not set(said) & {"\x1b", "\u202e", "\x9b"}
        assert said.count("x1b[2J") + said.count("u001b[2J") >= 2
    console = Console(width=120)
    with console.capture() as drawn:
        console.print(progress._drawn(running(name=name).progress(), 120))
    assert "a\\x1b[2J\\u202eb" in drawn.get()
    assert "\u202e" not in drawn.get()
