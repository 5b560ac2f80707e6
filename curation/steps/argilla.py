"""The steps `ReviewToArgilla` and `ReviewFromArgilla`, and what they share: a dataset and a review task."""

from collections import defaultdict
from typing import Any, Literal

from distilabel.steps import Step, StepInput
from distilabel.typing import StepOutput
from pydantic import Field, PositiveInt, PrivateAttr, ValidationError, field_validator

from curation.environment import address_from, carries_secret, is_address, key_from
from curation.errors import ConfigError, MissingError
from curation.labels import Ballot, MajorityResolver, MeanResolver, Resolver, UnanimousResolver
from curation.review import TASKS, ReviewTask
from curation.review.argilla import ArgillaReview
from curation.review.pulled import Pulled
from curation.steps.rows import NOT_PUSHED, Pushed, candidate_set, positions, review_columns
from curation.types import Annotation, Drop, Response, ReviewRecord, Verdict

RESOLVERS: dict[str, type[MajorityResolver | MeanResolver | UnanimousResolver]] = {
    "majority": MajorityResolver,
    "mean": MeanResolver,
    "unanimous": UnanimousResolver,
}


class _ReviewStep(Step):  # type: ignore[misc]
    dataset_name: str
    dataset_workspace: str = "argilla"
    task: str = "pairwise"
    task_options: dict[str, Any] = Field(default_factory=dict)
    api_url: str | None = None

    _review: ArgillaReview | None = PrivateAttr(default=None)
    _task: Any = PrivateAttr(default=None)

    @field_validator("api_url")
    @classmethod
    def _address_without_secrets(cls, url: str | None) -> str | None:
        if url is not None and (not is_address(url) or carries_secret(url)):
            raise ValueError("must be an http or https address without a key; the key is read from ARGILLA_API_KEY")
        return url.rstrip("/") if url is not None else None

    def load(self) -> None:
        """Connect to Argilla. Raises ConfigError without an address or a key, and for a task that does not exist."""
        super().load()
        self._task = _review_task(self.task, self.task_options)
        self._review = ArgillaReview(
            api_url=self.api_url or address_from("ARGILLA_API_URL"),
            api_key=key_from("ARGILLA_API_KEY"),
            workspace=self.dataset_workspace,
            dataset=self.dataset_name,
        )

    def unload(self) -> None:
        """Close the connection."""
        if self._review is not None:
            self._review.close()
            self._review = None
        super().unload()

    @property
    def _open(self) -> ArgillaReview:
        assert self._review is not None
        return self._review


class ReviewToArgilla(_ReviewStep):
    """Push generations to an Argilla dataset, where people review them.

    The dataset is created when the pipeline loads, unless it exists. A record's id is a hash of the task, the prompt
    and the generations, so a pipeline that runs again adds nothing twice. Reviewers see neither the models nor the
    ratings. A row that cannot be shown goes on with the reason.

    Attributes:
        dataset_name: The name of the dataset in Argilla.
        dataset_workspace: The workspace, which must exist. Defaults to `"argilla"`.
        task: What reviewers are asked: `"pairwise"`, `"binary"`, `"rating"`, `"ranking"` or `"safety"`. Defaults to
            `"pairwise"`, which shows the best and the worst generation by `ratings`, or two of them.
        task_options: The options of the task, as in `[review]` of a config file: `{"scale": 7}`.
        api_url: The address of Argilla. Defaults to the variable `ARGILLA_API_URL`. The key is only read from the
            variable `ARGILLA_API_KEY`, so a pipeline that is saved does not contain it.

    Input columns:
        - instruction (`str`, optional): The prompt.
        - messages (`ChatType`, optional): The prompt as a conversation; it counts instead of `instruction`.
        - generations (`List[str]`): The texts to review.
        - model_names (`List[str]`, optional): The model of each generation. Reviewers do not see it.
        - ratings (`List[float]`, optional): A judge's rating of each generation, from 1 to 5.

    Output columns:
        - review_records (`List[Dict]`): The records that show the generations. Each has its `id` and `shown`, the
            positions of the generations in the order of the page.
        - not_shown (`str`): Why there is no record, such as `"fewer_than_two_answers"`; null if there is one.

    Categories:
        - export

    Examples:
        Show people two answers to each prompt:

        ```python
        from curation.steps import ReviewToArgilla

        push = ReviewToArgilla(dataset_name="helpful", task="pairwise", task_options={"min_submitted": 2})
        ```

    """

    _present: set[str] = PrivateAttr(default_factory=set)

    @property
    def inputs(self) -> dict[str, bool]:
        """The columns that are read, and whether each is required."""
        return {"instruction": False, "messages": False, "generations": True, "model_names": False, "ratings": False}

    @property
    def outputs(self) -> list[str]:
        """The columns that a row gets."""
        return ["review_records", "not_shown"]

    def load(self) -> None:
        """Connect, and create the dataset. Raises RefusedError if it exists with other fields or questions."""
        super().load()
        self._open.create(self._task.settings())
        self._present = set(self._open.present())

    def process(self, inputs: StepInput) -> StepOutput:
        """Push the records that Argilla lacks.

        Raises ServiceError if Argilla cannot be reached. A record that it refuses is left out, with the reason.
        """
        sets = [candidate_set(row) for row in inputs]
        shown = [self._task.records(of_row) if not isinstance(of_row, Drop) else of_row for of_row in sets]
        specs = [
            self._task.spec(of_row, record)
            for of_row, records in zip(sets, shown, strict=True)
            if not isinstance(records, Drop)
            for record in records
            if record.id not in self._present
        ]
        refused = self._open.add(list({spec.record.id: spec for spec in specs}.values()))
        self._present.update(spec.record.id for spec in specs if spec.record.id not in refused)
        yield [
            {**row, **_pushed(row, of_row, records, refused).columns}
            for row, of_row, records in zip(inputs, sets, shown, strict=True)
        ]


class ReviewFromArgilla(_ReviewStep):
    """Add to each row what people answered so far about the generations that `ReviewToArgilla` pushed.

    It does not wait for people. Run the pipeline again later, or save its rows and read them into another pipeline with
    this step: then there are more answers. Nothing is deleted or changed in Argilla.

    In a row with flags, and in one without a verdict, `chosen` and `rejected` are null.

    Attributes:
        dataset_name: The name of the dataset in Argilla.
        dataset_workspace: Its workspace. Defaults to `"argilla"`.
        task: The task that `ReviewToArgilla` pushed with. Defaults to `"pairwise"`.
        task_options: The options of the task that `ReviewToArgilla` pushed with.
        api_url: The address of Argilla. Defaults to the variable `ARGILLA_API_URL`; the key is read from the variable
            `ARGILLA_API_KEY`.
        resolver: What several answers mean together: `"majority"`, `"mean"` or `"unanimous"`. Defaults to `"mean"` for
            `rating` and `ranking` and other tasks with grades, to `"majority"` for the others.
        min_reviewers: How many answers a record needs. Defaults to 1.

    Input columns:
        - generations (`List[str]`): The texts that were reviewed.
        - review_records (`List[Dict]`): What `ReviewToArgilla` wrote.
        - not_shown (`str`, optional): What `ReviewToArgilla` wrote.

    Output columns:
        - scores (`List[float]`): The score of each generation from 0 to 1; null for one that has none.
        - chosen (`str`): The best text, which may be an edit; null if none is better than another.
        - rejected (`str`): The generation with the lowest score, null if there is no `chosen`.
        - edits (`List[str]`): Better texts that reviewers wrote.
        - reviewers (`int`): How many answers count.
        - agreement (`float`): The share of reviewers who agree with the scores; null if there is only one.
        - label_source (`str`): `"human"`, or `"simulated"` for reviewers whose names begin with `simulated-`.
        - flags (`List[str]`): What reviewers flagged the record for.
        - unresolved (`str`): Why there are no scores: `"unreviewed"`, `"too_few_reviewers"`, `"discarded"`,
            `"not_pushed"` and so on, or `"flagged"`; null if all is decided.

    Categories:
        - preference
        - load

    Examples:
        Take what at least two people answered:

        ```python
        from curation.steps import ReviewFromArgilla

        pull = ReviewFromArgilla(dataset_name="helpful", task="pairwise", min_reviewers=2)
        ```

    """

    resolver: Literal["majority", "mean", "unanimous"] | None = None
    min_reviewers: PositiveInt = 1

    _responses: dict[str, list[Response]] | None = PrivateAttr(default=None)
    _resolver: Any = PrivateAttr(default=None)

    @property
    def inputs(self) -> dict[str, bool]:
        """The columns that are read, and whether each is required."""
        return {"generations": True, "review_records": True, "not_shown": False}

    @property
    def outputs(self) -> list[str]:
        """The columns that a row gets."""
        return [
            "scores",
            "chosen",
            "rejected",
            "edits",
            "reviewers",
            "agreement",
            "label_source",
            "flags",
            "unresolved",
        ]

    def load(self) -> None:
        """Connect, and read all answers if the dataset has records already."""
        super().load()
        self._resolver = _resolver(self.resolver, self._task, self.min_reviewers)
        self._responses = None
        if self._open.progress()[1]:
            self._read()

    def process(self, inputs: StepInput) -> StepOutput:
        """Add the columns. Raises MissingError if rows were pushed, but the dataset does not exist."""
        if self._responses is None and any(row.get("review_records") for row in inputs):
            # The dataset was empty when the pipeline was loaded: its records are those that were pushed since.
            self._read()
        yield [{**row, **self._columns(row)} for row in inputs]

    def _read(self) -> None:
        if self._open.find() is None:
            raise MissingError(
                f"There is no Argilla dataset {self.dataset_name!r} in workspace {self.dataset_workspace!r}.",
                remedy="Name the dataset that ReviewToArgilla pushed to.",
            )
        self._responses = _by_record(self._open.pull())

    def _columns(self, row: dict[str, Any]) -> dict[str, Any]:
        outcomes: list[tuple[list[int], Verdict | Drop]] = []
        annotations: list[Annotation] = []
        for pushed in row.get("review_records") or ():
            shown = list(pushed["shown"])
            record = _record(self.task, pushed["id"], shown)
            answers = [
                self._task.annotation(response, record) for response in (self._responses or {}).get(record.id, ())
            ]
            annotations += answers
            outcomes.append((shown, self._resolver.resolve(Ballot(record.id, tuple(answers)))))
        if not outcomes:
            outcomes = [([], Drop(id="", reason=row.get("not_shown") or NOT_PUSHED))]
        return review_columns(row, outcomes, annotations)


def _pushed(
    row: dict[str, Any], of_row: Any, records: tuple[ReviewRecord, ...] | Drop, refused: dict[str, str]
) -> Pushed:
    if isinstance(records, Drop):
        return Pushed([], records.reason)
    entries = [
        {"id": record.id, "shown": positions(row, of_row, record)} for record in records if record.id not in refused
    ]
    reasons = [refused[record.id] for record in records if record.id in refused]
    return Pushed(entries, f"refused: {reasons[0]}" if reasons and not entries else None)


def _record(task: str, record_id: str, shown: list[int]) -> ReviewRecord:
    """Return the record as far as the meaning of a response depends on it: how many candidates it shows."""
    return ReviewRecord(id=record_id, task=task, prompt_id="", set_id="", candidates=tuple(map(str, shown)))


def _by_record(pulled: Pulled) -> dict[str, list[Response]]:
    responses: defaultdict[str, list[Response]] = defaultdict(list)
    for answer in pulled.answers:
        record_id = pulled.records.get(answer.server_record_id)
        if record_id is None:
            continue
        # The answer of an account that was deleted stays: its author is known by the id.
        reviewer = pulled.accounts.usernames.get(answer.server_user_id, answer.server_user_id)
        responses[record_id].append(
            Response(
                record_id=record_id,
                reviewer=reviewer,
                status=answer.status,
                values=answer.values,
                dataset_id=pulled.dataset_id,
                server_record_id=answer.server_record_id,
                server_user_id=answer.server_user_id,
            )
        )
    return responses


def _review_task(name: str, options: dict[str, Any]) -> ReviewTask:
    if name not in TASKS:
        raise ConfigError(f"There is no review task {name!r}; there are {', '.join(TASKS)}.")
    try:
        return TASKS[name].model_validate({**options, "task": name})  # type: ignore[attr-defined,no-any-return]
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors())
        raise ConfigError(f"The options of the review task {name!r} are wrong: {faults}.") from error


def _resolver(name: str | None, task: ReviewTask, min_reviewers: int) -> Resolver:
    ordinal = task.level == "ordinal"
    if ordinal and name not in {None, "mean"}:
        raise ConfigError(
            f"resolver = {name!r} counts equal answers, and those to the task {task.task!r} have an order.",
            remedy='Use resolver = "mean".',
        )
    return RESOLVERS[name or ("mean" if ordinal else "majority")](min_reviewers=min_reviewers)
