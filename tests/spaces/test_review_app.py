"""The list of responses that the review Space adds to argilla-server: what it holds, and who may read it."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from contextlib import closing
from pathlib import Path

import httpx2
import pytest

from curation.local import Stack
from tests.review.datasets import Dataset

FOLDER = Path(__file__).parents[2] / "spaces" / "argilla"


@pytest.mark.stack
def test_it_lists_every_record_and_response_without_texts_answers_or_names(stack: Stack) -> None:
    with closing(Dataset(stack, 3)) as dataset, closing(Dataset(stack, 1)) as other:
        first, second, third = (item["id"] for item in dataset.items())
        for record in (first, second, other.items()[0]["id"]):
            dataset.answer(record)
        me = dataset.http.get("/me").json()
        answer = dataset.http.get(f"/datasets/{dataset.id}/curation/responses").raise_for_status()
        given = dataset.http.get(f"/datasets/{dataset.id}/records", params={"include": "responses"}).json()["items"]
        changed_at = {item["id"]: each["updated_at"] for item in given for each in item["responses"]}
        assert sorted(answer.json()["items"], key=lambda row: row[1]) == [
            [first, "r0", me["id"], changed_at[first]],
            [second, "r1", me["id"], changed_at[second]],
            [third, "r2", None, None],
        ]
        assert all(word not in answer.text for word in ("preference", "submitted", me["username"]))


@pytest.mark.stack
def test_only_who_may_read_all_responses_may_read_it(stack: Stack) -> None:
    with closing(Dataset(stack, 1)) as dataset:
        http = dataset.http
        path = f"/datasets/{dataset.id}/curation/responses"
        [workspace] = [each for each in http.get("/me/workspaces").json()["items"] if each["name"] == "argilla"]

        def status(role: str | None, *, member: bool = False, path: str = path) -> int:
            headers = {}
            if role is not None:
                name, password = f"u-{uuid.uuid4().hex[:8]}", uuid.uuid4().hex
                body = {"username": name, "first_name": "U", "role": role, "password": password}
                user = http.post("/users", json=body).raise_for_status().json()
                headers = {"X-Argilla-Api-Key": user["api_key"]}
                if member:
                    http.post(f"/workspaces/{workspace['id']}/users", json={"user_id": user["id"]}).raise_for_status()
            url = f"{stack.argilla.url}/api/v1{path}"
            return httpx2.get(url, headers=headers, timeout=60, trust_env=False).status_code

        assert status("owner") == 200
        assert status("admin", member=True) == 200
        assert status("admin") == 403
        assert status("annotator", member=True) == 403
        assert status(None) == 401
        assert status("owner", path=f"/datasets/{uuid.uuid4()}/curation/responses") == 404
        assert http.post(path).status_code == 405


@pytest.mark.slow
def test_an_argilla_server_without_what_it_needs_is_served_without_it(tmp_path: Path) -> None:
    package = tmp_path / "argilla_server"
    package.mkdir()
    (package / "__init__.py").write_text("app = 'the application'\n")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(tmp_path), str(FOLDER)))}
    code = "import review_app; print(review_app.app)"
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout == "the application\n"
    assert "without the list of responses, because argilla-server changed" in done.stderr
