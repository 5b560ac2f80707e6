"""An inference server on 127.0.0.1 for clients of huggingface_hub and of the OpenAI protocol.

It answers with a small real model, or with scripted replies; latency and faults can be added to both. `ScriptedServer`
runs in a thread of this process and `InferenceServer` in a child process.
"""

from curation.local.inference.faults import Fault, Latency
from curation.local.inference.grammar import ultrafeedback_grammar
from curation.local.inference.judge import JudgePrompt, read_judge_prompt, ultrafeedback_reply
from curation.local.inference.models import DEFAULT_MODELS, ModelSettings
from curation.local.inference.process import InferenceServer
from curation.local.inference.scripted import ScriptedServer
from curation.local.inference.stats import Exchange, Stats
from curation.local.inference.wire import Refusal, Reply, Request, content_key

__all__ = [
    "DEFAULT_MODELS",
    "Exchange",
    "Fault",
    "InferenceServer",
    "JudgePrompt",
    "Latency",
    "ModelSettings",
    "Refusal",
    "Reply",
    "Request",
    "ScriptedServer",
    "Stats",
    "content_key",
    "read_judge_prompt",
    "ultrafeedback_grammar",
    "ultrafeedback_reply",
]
