"""The pipeline as distilabel sees it: its steps, its round trip through a file and to a process, no secret in it."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
from distilabel.pipeline import Pipeline

from curation.generation import Evolver, Generator, Meter, Models, UltraFeedbackJudge, stage_meters
from curation.generation.pipeline import build_pipeline, measure
from curation.generation.rows import prompt_row
from curation.generation.tasks import AnswerPrompt, EvolveAnswer, JudgeAnswers, LoadPrompts
from curation.types import Message, Prompt, Role

# distilabel 1.5.3 reads `model_fields` from instances when it serialises.
pytestmark = pytest.mark.filterwarnings("ignore:Accessing the 'model_fields' attribute")

GENERATORS = (
    Generator(model_id="small", name="cool", temperature=0.2, system_prompt="Be brief.", max_new_tokens=77),
    Generator(model_id="small", name="warm", base_url="http://127.0.0.1:9/v1", api_key_env="MY_KEY"),
)
EVOLVER = Evolver(model_id="editor", methods=("details",), api_key_env="MY_KEY")
JUDGE = UltraFeedbackJudge(model_id="large", aspect="honesty", order="swap", api_key_env="MY_KEY")
SECOND = UltraFeedbackJudge(model_id="larger", provider="groq", bill_to="acme", aspects=("honesty", "helpfulness"))

FLOWS = {
    "generators": Models(generators=GENERATORS),
    "judge": Models(generators=GENERATORS, judges=(JUDGE,)),
    "everything": Models(generators=GENERATORS, evolve=(EVOLVER,), judges=(JUDGE, SECOND)),
}


def pipeline(flow: str = "everything", *, cache: Path | None = None) -> Pipeline:
    return build_pipeline("helpful", prompts=Path("prompts.jsonl"), models=FLOWS[flow], cache=cache)


def before(built: Pipeline) -> dict[str, list[str]]:
    """Return, for each step, the steps that it waits for."""
    return {name: list(built.dag.get_step_predecessors(name)) for name in built.dag}


def turn(role: Role, content: str) -> Message:
    return Message(role=role, content=content)


def test_its_steps_can_be_looked_at_by_name() -> None:
    built = pipeline()
    assert built.name == "curation-helpful"
    steps = {name: built.dag.get_step(name)["step"] for name in built.dag}
    kinds = {name: type(steps[name]) for name in ("load", "generate_1", "evolve_0", "judge_0", "judge_1")}
    assert kinds == {
        "load": LoadPrompts,
        "generate_1": AnswerPrompt,
        "evolve_0": EvolveAnswer,
        "judge_0": JudgeAnswers,
        "judge_1": JudgeAnswers,
    }
    assert steps["evolve_0"].methods == ("details",)
    assert [(steps[name].aspects, steps[name].order) for name in ("judge_0", "judge_1")] == [
        (("honesty",), "swap"),
        (("honesty", "helpfulness"), "shuffled"),
    ]


BRANCHES = {
    "load": [],
    "generate_0": ["load"],
    "generate_1": ["load"],
    "group": ["generate_0", "generate_1"],
}


@pytest.mark.parametrize(
    ("flow", "more"),
    [
        ("generators", {}),
        ("judge", {"judge_0": ["group"]}),
        (
            "everything",
            {
                "evolve_0": ["group"],
                "judge_0": ["evolve_0"],
                "judge_1": ["evolve_0"],
                "group_judges": ["judge_0", "judge_1"],
            },
        ),
    ],
)
def test_branches_start_at_the_prompts_and_meet_before_what_needs_all_of_them(
    flow: str, more: dict[str, list[str]]
) -> None:
    built = pipeline(flow)
    assert before(built) == {**BRANCHES, **more}
    assert len(list(built.dag.leaf_steps)) == 1


@pytest.mark.slow
@pytest.mark.parametrize("suffix", ["yaml", "json"])
@pytest.mark.parametrize("flow", FLOWS)
def test_it_survives_distilabels_own_files(tmp_path: Path, suffix: str, flow: str) -> None:
    built, path = pipeline(flow), tmp_path / f"pipeline.{suffix}"
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


def test_its_steps_survive_the_way_to_another_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", "key_sesame")
    built = pipeline(cache=Path("requests.sqlite"))
    for name in built.dag:
        step = built.dag.get_step(name)["step"]
        # So does distilabel before it hands a step to a process.
        step.pipeline = None
        sent = pickle.dumps(step)
        assert b"sesame" not in sent
        assert pickle.loads(sent).dump() == step.dump()


def test_no_form_of_it_holds_a_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HF_TOKEN", "MY_KEY"):
        monkeypatch.setenv(name, f"{name}_sesame")
    monkeypatch.delenv("CURATION_INFERENCE_URL", raising=False)
    built = pipeline()
    for name in ("generate_0", "generate_1", "evolve_0", "judge_0", "judge_1"):
        built.dag.get_step(name)["step"].llm.load()
    forms = [str(built.dump()), repr(built)]
    for suffix in ("yaml", "json"):
        built.save(tmp_path / f"p.{suffix}", format=suffix)
        forms.append((tmp_path / f"p.{suffix}").read_text())
    assert all("MY_KEY" in form for form in forms if form != repr(built))
    assert not [form for form in forms if "sesame" in form]


def test_every_models_requests_are_counted_in_the_stage_that_is_its_own() -> None:
    built, meter = pipeline(), Meter()
    meter.start(stage_meters(FLOWS["everything"]), prompts=1)
    measure(built, FLOWS["everything"], meter)
    names = ["generate_0", "generate_1", "evolve_0", "judge_0", "judge_1"]
    counted = {name: built.dag.get_step(name)["step"].llm._meter.stage for name in names}
    assert counted == {
        "generate_0": "generate cool",
        "generate_1": "generate warm",
        "evolve_0": "evolve evolved",
        "judge_0": "judge large",
        "judge_1": "judge larger",
    }


def test_a_row_holds_the_conversation_what_the_judge_is_told_of_it_and_the_prompt() -> None:
    alone = Prompt(id="p", messages=(turn("system", "Be kind."), turn("user", "Why?")), source="s")
    row = prompt_row(alone)
    assert Prompt.model_validate_json(row.pop("prompt")) == alone
    assert row == {
        "prompt_id": "p",
        "messages": [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Why?"}],
        "instruction": "Why?",
    }


def test_of_a_longer_conversation_the_judge_is_told_who_said_what() -> None:
    talk = Prompt(
        id="p", messages=(turn("user", "Why?"), turn("assistant", "Because."), turn("user", "Really?")), source="s"
    )
    assert prompt_row(talk)["instruction"] == "User: Why?\n\nAssistant: Because.\n\nUser: Really?"
