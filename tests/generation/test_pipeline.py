"""The pipeline as distilabel sees it: its steps, its round trip through a file, and no secret in it."""

from __future__ import annotations

from pathlib import Path

import pytest
from distilabel.pipeline import Pipeline

from curation.generation import Generator, UltraFeedbackJudge
from curation.generation.pipeline import build_pipeline, prompt_row
from curation.generation.tasks import AnswerPrompt, JudgeAnswers, LoadPrompts
from curation.types import Message, Prompt, Role

# distilabel 1.5.3 reads `model_fields` from instances when it serialises.
pytestmark = pytest.mark.filterwarnings("ignore:Accessing the 'model_fields' attribute")

GENERATORS = (
    Generator(model_id="small", name="cool", temperature=0.2, system_prompt="Be brief.", max_new_tokens=77),
    Generator(model_id="small", name="warm", base_url="http://127.0.0.1:9/v1", api_key_env="MY_KEY"),
)
JUDGE = UltraFeedbackJudge(model_id="large", aspect="honesty", api_key_env="MY_KEY")


def pipeline(judge: UltraFeedbackJudge | None = JUDGE) -> Pipeline:
    return build_pipeline("helpful", prompts=Path("prompts.jsonl"), generators=GENERATORS, judge=judge)


def steps(built: Pipeline) -> list[str]:
    return sorted(built.dag)


def turn(role: Role, content: str) -> Message:
    return Message(role=role, content=content)


def test_its_steps_can_be_looked_at_by_name() -> None:
    built = pipeline()
    assert built.name == "curation-helpful"
    assert steps(built) == ["generate_0", "generate_1", "group", "judge", "load"]
    kinds = {name: type(built.dag.get_step(name)["step"]) for name in ("load", "generate_1", "judge")}
    assert kinds == {"load": LoadPrompts, "generate_1": AnswerPrompt, "judge": JudgeAnswers}
    assert built.dag.get_step("judge")["step"].aspect == "honesty"


def test_without_a_judge_grouping_is_the_last_step() -> None:
    built = pipeline(None)
    assert steps(built) == ["generate_0", "generate_1", "group", "load"]
    assert list(built.dag.leaf_steps) == ["group"]


def test_every_branch_starts_at_the_prompts_and_ends_in_the_group() -> None:
    dag = pipeline().dag
    assert list(dag.get_step_predecessors("group")) == ["generate_0", "generate_1"]
    assert [list(dag.get_step_predecessors(name)) for name in ("generate_0", "generate_1")] == [["load"]] * 2


@pytest.mark.parametrize("suffix", ["yaml", "json"])
def test_it_survives_distilabels_own_files(tmp_path: Path, suffix: str) -> None:
    built, path = pipeline(), tmp_path / f"pipeline.{suffix}"
    built.save(path, format=suffix)
    read = getattr(Pipeline, f"from_{suffix}")(path)
    assert read.dump() == built.dump()
    assert read.signature == built.signature
    answer = read.dag.get_step("generate_0")["step"]
    assert (answer.system_prompt, answer.llm.model_id) == ("Be brief.", "small")
    assert answer.llm.generation_kwargs == {"temperature": 0.2, "max_new_tokens": 77}


def test_it_survives_a_dictionary() -> None:
    built = pipeline()
    assert Pipeline.from_dict(built.dump()).dump() == built.dump()


def test_no_form_of_it_holds_a_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HF_TOKEN", "MY_KEY"):
        monkeypatch.setenv(name, f"{name}_sesame")
    built = pipeline()
    for name in ("generate_0", "generate_1"):
        built.dag.get_step(name)["step"].llm.load()
    forms = [str(built.dump()), repr(built)]
    for suffix in ("yaml", "json"):
        built.save(tmp_path / f"p.{suffix}", format=suffix)
        forms.append((tmp_path / f"p.{suffix}").read_text())
    assert all("MY_KEY" in form for form in forms if form != repr(built))
    assert not [form for form in forms if "sesame" in form]


def test_a_row_holds_the_conversation_and_what_the_judge_is_told_of_it() -> None:
    alone = Prompt(id="p", messages=(turn("system", "Be kind."), turn("user", "Why?")), source="s")
    assert prompt_row(alone) == {
        "prompt_id": "p",
        "messages": [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Why?"}],
        "instruction": "Why?",
    }


def test_of_a_longer_conversation_the_judge_is_told_who_said_what() -> None:
    talk = Prompt(
        id="p", messages=(turn("user", "Why?"), turn("assistant", "Because."), turn("user", "Really?")), source="s"
    )
    assert prompt_row(talk)["instruction"] == "User: Why?\n\nAssistant: Because.\n\nUser: Really?"
