"""How scripted models answer in tests: deterministic, different per model, and judges rate by a hash of each text."""

from __future__ import annotations

from curation.local.inference import Request, read_judge_prompt, ultrafeedback_reply


def scripted_reply(request: Request) -> str:
    """Return a judge's reply to UltraFeedback's prompts, and else an answer that names model and temperature."""
    if read_judge_prompt(request.messages) is not None:
        return ultrafeedback_reply(request.messages)
    extra = " It goes on for a while." if request.temperature and request.temperature > 0.5 else ""
    return f"{request.model} at {request.temperature} says: {request.prompt[:200]}{extra}"
