"""Checks of one answer: it is empty, it refuses, the model speaks of itself, the text was cut off.

Each function is a pure predicate on the wording. When in doubt it returns False. The wordings are English; refusals and
self-introductions are also known in a few other languages.
"""

# ruff: noqa: RUF001 - marks and words of many languages are the data of this file

from __future__ import annotations

import re

from curation.characters import is_blank
from curation.thinking import without_thinking
from curation.types import CUT_OFF

OPENING = 400
"""The opening of an answer is its first so many characters."""


def is_empty(text: str) -> bool:
    """Whether a text has nothing to read: it has only blanks and invisible characters."""
    return is_blank(text)


def holds_reasoning(text: str) -> bool:
    """Whether a text contains a model's thoughts: "<think>...</think>", "analysis...assistantfinal".

    Marks in code and in quotation marks do not count. A whole thought on lines of its own counts anywhere in the text.
    """
    return without_thinking(text) != text


# --- refusals ---------------------------------------------------------------------------------------------------------

_CANNOT = (
    r"i(?:'m| am) (?:not able|unable|not allowed|not permitted|not programmed|not designed|not going) to|"
    r"i(?:'m| am) not comfortable(?: with)?|i (?:do not|don't) feel comfortable(?: with)?|"
    r"i (?:can't|cannot(?: and (?:will|should) not)?|can not|won't|will not|must refuse to|refuse to|decline to)"
)
_ADVERBS = r"(?: (?:really|simply|just|also|currently|unfortunately|respectfully|ethically|in good conscience))?"
_DO = (
    r"(?:help(?:ing)?(?! (?:but|myself|it|feeling|wondering|thinking|noticing)\b)|assist(?:ing)?|comply|"
    r"complete th(?:is|at)|do (?:that|this|so)|fulfill?|satisfy|accommodate|facilitate|condone|engage|participate|"
    r"respond|answer(?:ing)?|discuss(?:ing)?|provid(?:e|ing)|generat(?:e|ing)|creat(?:e|ing)|writ(?:e|ing)|produc(?:e|ing)|shar(?:e|ing)|"
    r"offer(?:ing)?|support (?:this|that|your|any)|giv(?:e|ing) (?:you|any|advice|instructions)|"
    r"tell you how|show you how|teach|explain how|describe how|advise|access|browse|open|process|"
    r"continue with (?:this|that))\b"
)
_REFUSAL = re.compile(
    rf"\b(?:(?:{_CANNOT}){_ADVERBS} {_DO}"
    r"|i(?:'m| am) afraid i can(?:'t|not) do that"
    # Not "with that much sugar", nor the sentence as an example in quotation marks.
    r"|i(?:'m| am) not comfortable with (?:that|this)(?: request)?(?=[.,;!](?:\s|$)|$)"
    r"|i (?:must|have to|need to|'ll have to)(?: respectfully| politely)? (?:decline|refuse)"
    r"|th(?:at|is)(?:'s| is)(?: really| just| simply)? (?:not something|nothing)(?: that)? i(?:'m| am)? ?"
    r"(?:can|could|will|able|willing|comfortable)"
    r"|(?:that|this|your)(?: request| question| prompt)? (?:goes against|violates|is against) (?:my|our|the) "
    r"(?:\w+ ){0,3}(?:guidelines|policy|policies|principles|programming|values)"
    r"|ich (?:kann|darf|werde)\b[^.!?\n]{0,60}\b(?:nicht|keine?n?)\b[^.!?\n]{0,60}"
    r"\b(?:helfen|weiterhelfen|unterstützen|beantworten|erfüllen|bereitstellen|nachkommen)"
    r"|(?:(?:dabei|damit|hierbei) )?kann ich\b[^.!?\n]{0,60}\b(?:nicht(?! nur\b)|keine?n?)\b[^.!?\n]{0,60}"
    r"\b(?:helfen|weiterhelfen|unterstützen|beantworten|erfüllen|bereitstellen|nachkommen)"
    r"|je ne (?:peux|puis|suis) pas (?:en mesure (?:de |d'))?(?:vous |t')?"
    r"(?:aider|répondre|fournir|assister|satisfaire|accéder)"
    r"|no (?:puedo|podré) (?:ayudar|asistir|proporcionar|cumplir|responder|ofrecer|brindar)\w*"
    r"|non posso (?:aiutar|fornir|risponder|assister)\w*|não posso (?:ajudar|fornecer|responder|cumprir)\w*)"
    r"|我(?:无法|不能|無法)(?:帮助|提供|回答|协助|满足|協助|幫助)"
    r"|(?:お手伝い|お答え|お応え|対応|提供)(?:は)?(?:することが)?(?:でき|いたしかね)(?:ません|ます)"
)
# A clause before the refusal may begin with regret, thanks or understanding, or with who is speaking.
_COURTESY = re.compile(
    r"\s*(?:but|however|and|aber|mais|pero|ma|mas|但是?)?\s*(?:$|"
    r"i(?:'m| am)[\w ]{0,12} (?:sorry|afraid)|(?:my )?sorry|(?:my )?apologies|"
    r"i (?:do )?(?:sincerely )?apologi[sz]e|unfortunately|regrettably|no\b|thank|i (?:understand|appreciate)|"
    r"(?:as|being) an?\b|created by|developed by|trained by|for \w+ reasons|"
    r"es tut mir|leider|entschuldig|je suis|je m'excuse|désolée?|malheureusement|lo siento|lamentablemente|"
    r"mi dispiace|desculpe|sinto muito|como |als |en tant qu|很?抱歉|对不起|對不起|作为|申し訳|すみません|その)"
)
_CLAUSES = re.compile(r"[,.;:!—–\n，。！、]+")
# Every refusal contains one of these words, and looking for them first is much faster.
_NEGATIONS = (
    "not", "n't", "unable", "decline", "refuse", "nothing", "against", "violates", "nicht", "kein", " pas ", "no p",
    "non p", "não p", "无法", "不能", "無法", "ません", "かねます",
)  # fmt: skip
_TURN = re.compile(r"\b(?:but|however|that said|nevertheless|aber|jedoch|mais|cependant|pero|sin embargo)\b|但")


def is_refusal(text: str) -> bool:
    """Whether an answer refuses: it opens, perhaps after an apology, with a sentence that it will not or cannot help.

    A refusal that is quoted later in the answer does not count, and neither does a caveat before a long answer ("I
    can't give medical advice, but ..." followed by at least `OPENING` characters of help). Common wordings are known in
    English, and a few in German, French, Spanish, Italian, Portuguese, Chinese and Japanese. The check cannot know
    whether refusing was right. It also takes an apology that somebody asked the model to write for a refusal.
    """
    opening = with_straight_apostrophes(text[:OPENING]).lstrip(_MARKS).lower()
    match = _REFUSAL.search(opening) if any(hint in opening for hint in _NEGATIONS) else None
    if match is None or not all(map(_COURTESY.match, _CLAUSES.split(opening[: match.start()]))):
        return False
    return len(text) <= OPENING or _TURN.search(opening, match.end()) is None


_MARKS = " \t\r\n*_#>\"'“”«»[("
"""Characters that may come before the first word of an answer."""


def with_straight_apostrophes(text: str) -> str:
    """Return a text with straight apostrophes, because the patterns here are written with straight ones."""
    return text.replace("\u2019", "'")


# --- models that speak of themselves ----------------------------------------------------------------------------------

_KIND = r"(?:ai|artificial intelligence|(?:large |ai )?language model|llm|chatbot|(?:virtual|digital) assistant)"
_KIND_NOUN = r"(?:[ -](?:language|chat))?(?:[ -](?:model|assistant|chatbot|bot|system|program|agent))?"
_AI_TELL = re.compile(
    # "As an AI engineer, I ..." is a person, "serves as an AI assistant for phones" is prose: the noun ends the phrase
    # and the first person follows.
    rf"(?<![a-z])(?:as an? {_KIND}{_KIND_NOUN}(?:,? (?:developed|created|trained|made|designed|built) "
    r"[^.!?\n]{1,50}?)?,? (?:i|my)\b"
    rf"|i(?:'m| am) (?:(?:just|only|merely|simply|still|actually) )?an? {_KIND}{_KIND_NOUN}"
    r"(?=[.,;:!?—]|$| (?:and|so|but|that|which|who|created|developed|trained|designed|made|built|with|without|here)\b)"
    r"|i(?:'m| am) (?:(?:just|only) )?a computer program\b"
    r"|my (?:training (?:data|cut-?off)|knowledge cut-?off|(?:last|latest|most recent) (?:training|knowledge) update|"
    r"knowledge (?:was last updated|only goes|is limited to (?:information|data|events)))"
    r"|(?:as of|before|after|since) the (?:knowledge|training)(?: data)? cut-?off"
    r"|i (?:don't|do not) have (?:personal|human) (?:opinions|beliefs|feelings|emotions|preferences)\b"
    r"|i (?:don't|do not|can't|cannot) (?:have access to|access|browse) (?:the internet|real-time)"
    r"|als (?:ki|künstliche intelligenz|(?:ki-)?sprachmodell)(?:-assistent)?(?:,| habe| kann| bin) "
    r"|en tant qu(?:e modèle de langage|'(?:ia|intelligence artificielle))\b"
    r"|como (?:modelo de lenguaje|una? (?:ia|inteligencia artificial|modelo de lenguaje))\b"
    r"|作为(?:一个|一名|一款)?(?:ai|人工智能|大?语言模型)[^。\n]{0,10}[，,]?我)"
)


def has_ai_tell(text: str) -> bool:
    """Whether an answer says that an AI wrote it: "as an AI language model, I", "my training data", "I'm just an AI".

    Prose about AI ("Siri serves as an AI assistant") and people ("as an AI engineer, I") do not count. In an answer to
    "are you human?" such a sentence is fine; the check does not know the prompt.
    """
    return _AI_TELL.search(with_straight_apostrophes(text).lower()) is not None


_MODELS = (
    "ChatGPT", "GPT", "Qwen", "Tongyi Qianwen", "通义千问", "DeepSeek", "Mixtral", "ChatGLM", "Vicuna", "InternLM",
    "Baichuan", "Hunyuan", "SmolLM", "OLMo", "Open Assistant", "OpenAssistant", "Bing Chat", "Microsoft Copilot",
    "GitHub Copilot", "Google Bard", "Google Gemini", "Meta AI", "Mistral AI", "文心一言", "ERNIE Bot", "豆包",
)  # fmt: skip
_NAMESAKES = (
    "Claude", "Gemini", "Bard", "Llama", "Mistral", "Gemma", "Phi", "Falcon", "Grok", "Copilot", "Alpaca", "Zephyr",
    "Nova", "Kimi", "Command R",
)  # fmt: skip
"""Names of models that are also names of people and things."""
_MAKERS = (
    "OpenAI", "Anthropic", "Google DeepMind", "Google AI", "Google", "DeepMind", "Meta AI", "Meta", "Alibaba Cloud",
    "Alibaba Group", "Alibaba", "Mistral AI", "DeepSeek AI", "DeepSeek", "xAI", "Microsoft", "Moonshot AI", "Cohere",
    "Zhipu AI", "Zhipu", "LMSYS", "Hugging Face", "HuggingFace", "NVIDIA", "Baidu", "Tencent", "ByteDance",
    "Databricks", "Stability AI", "阿里云", "阿里巴巴", "百度", "腾讯", "深度求索",
)  # fmt: skip
_FAMILIES = {name.lower() for name in (*_MODELS, *_NAMESAKES, *_MAKERS)}
_NAME_HINTS = tuple(sorted(name for name in _FAMILIES if not any(family in name for family in _FAMILIES - {name})))

_VERSION = r"(?:[ -]?v?\d+(?:\.\d+)?\w*)?(?:-\w+)*(?!\w)"
_MODEL = rf"(?:{'|'.join(_MODELS)}){_VERSION}"
_NAMESAKE = rf"(?:{'|'.join(_NAMESAKES)}){_VERSION}"
_MAKER = rf"(?:{'|'.join(_MAKERS)})(?![a-z])"
_I_AM = (
    r"(?:\b(?:I'm|I am|my name is|you can call me|you're (?:talking|chatting|speaking) (?:to|with)|"
    r"ich bin|ich heiße|je suis|je m'appelle|soy|me llamo)(?: actually| just| called| named| known as)? |我(?:是|叫))"
)
_MADE_BY = (
    r"(?:(?:trained|developed|created|made|built|designed|programmed) and )?(?:trained|developed|created|made|built|"
    r"designed|fine-?tuned|powered|programmed|entwickelt|trainiert|développée?|créée?|entraînée?|desarrollad[oa]|cread[oa]|"
    r"entrenad[oa]) (?:by|von|par|por) (?:(?:the|a) )?(?:(?:team|researchers|engineers|people|company)(?: at| from)? )?"
    rf"{_MAKER}"
)
_NOUN = r"(?:AI|model|assistant|chatbot|bot|system|program|intelligence|Sprachmodell|Assistent|modèle|modelo|asistente)"
_MIDDLE = r"(?:(?!who\b|that\b|which\b|and\b|at\b|working\b|using\b)[\w-]+,? ){0,6}?"
_INTRODUCTION = re.compile(
    rf"{_I_AM}{_MODEL}"
    # "I'm Claude" may be a person, so the words after the name must speak of an AI.
    rf"|{_I_AM}{_NAMESAKE}(?=.*?(?:\b(?:AI|language model|assistant|chatbot)\b|(?:help|assist) you|{_MADE_BY}))"
    rf"|\bas (?:{_MODEL}|{_NAMESAKE}),? I\b"
    rf"|\b(?:I'm|I am|as|ich bin|je suis|soy) (?:an?|une?|ein|una?) {_MIDDLE}{_NOUN},? "
    rf"(?:(?:called|named) (?:{_MODEL}|{_NAMESAKE})|{_MADE_BY})"
    rf"|\b(?:I was|I've been|I have been|I am|I'm|je suis|soy|fui|ich wurde) {_MADE_BY}"
    rf"|\b{_MAKER} (?:trained|created|developed|made|built|designed) me\b"
    rf"|\bmy (?:creators?|developers?|makers?)(?:,| at| is| are) {_MAKER}"
    rf"|我是.{{0,20}}?(?:{_MODEL}|{_MAKER}.{{0,10}}?(?:开发|训练|研发|创建))",
    re.IGNORECASE,
)
_NAME = re.compile(rf"(?<![a-z\d])(?:{_MODEL}|{_NAMESAKE}|{_MAKER})", re.IGNORECASE)
_SENTENCES = re.compile(r"(?<=[.!?]) +|\n+|[。！？]")


def leaked_names(text: str) -> tuple[str, ...]:
    """Return the names of models and companies with which an answer introduces itself, in order, each once.

    "I am ChatGPT, trained by OpenAI" gives ("ChatGPT", "OpenAI"). Prose about them ("ChatGPT is a product of OpenAI")
    gives (). A name that people have too ("I'm Claude") counts only if the words after it speak of an AI.
    """
    lower = with_straight_apostrophes(text).lower()
    hints = [hint for hint in _NAME_HINTS if hint in lower]
    if not hints:
        return ()
    names: dict[str, str] = {}
    for sentence in _SENTENCES.split(with_straight_apostrophes(text)):
        named = any(hint in sentence.lower() for hint in hints)
        introduction = _INTRODUCTION.search(sentence) if named else None
        for name in _NAME.findall(sentence, introduction.start()) if introduction else ():
            names.setdefault(name.lower(), name)
    return tuple(names.values())


# --- texts cut off ----------------------------------------------------------------------------------------------------

_FENCE = re.compile(r"\s*(`{3,}|~{3,})(.*)")
_ITEM = re.compile(r"\s*(?:[-*+•–]|\(?(?:\d{1,3}|[a-zA-Z])[.)])\s")
_SKIPPED = re.compile(r"\s*(?:#{1,6}\s|\||[-=_*]{3,}\s*$|<|\[[^\]]*\]:)")
_SENTENCE_END = re.compile(r"[.!?…][\"'”’»)\]*_]*\s+[\"'“‘«(\[*_]*[^\W\d_a-zß-öø-ÿ]|[。！？．]")
_CLOSERS = "\"'”’»)]}*_`~ \t）】」』》"
_LETTER = re.compile(r"[^\W\d_]$")
_UNFINISHED = re.compile(
    r"(?:^|\s)(?:an?|the|and|n?or|of|than|whose|my|your|its|our|their|every|if|because|although|while|into|is|are|was|were|"
    r"der|die|das|eine?[nmr]?|und|oder|mit|für|vo[nm]|zu[mr]|ist|sind|dass|"
    r"les?|la|une?|des?|du|et|ou|avec|pour|dans|qui|est|sont|aux?|el|los|las|una|y|o|con|por|del|al|es|son|que)$"
)
"""Words of English, German, French and Spanish with which no sentence ends."""
_ATTRIBUTION = re.compile(r" [-–—] \S+(?: \S+){0,3}$")
# Scripts that are written without marks at the end of a sentence: Thai, Lao, Tibetan, Burmese, Khmer.
_UNMARKED = re.compile(r"[\u0e00-\u0fff\u1000-\u109f\u1780-\u17ff]")


def is_truncated(text: str, finish_reason: str | None) -> bool:
    """Whether an answer was cut off.

    `finish_reason` is what the service said. If it said nothing, an open code block or an unfinished sentence counts.
    """
    if finish_reason is not None:
        return finish_reason in CUT_OFF
    return _has_open_fence(text) or ends_in_mid_sentence(text)


def ends_in_mid_sentence(text: str) -> bool:
    """Whether the last line breaks off: after a comma, colon or hyphen, after a word that needs another, or without a
    mark though the line has sentences that end with one.

    Single words, titles, list items, tables, headings, code, numbers and scripts without such marks count as complete.
    """
    line = text.rstrip().rpartition("\n")[2]
    if not line or _SKIPPED.match(line) or _FENCE.match(line):
        return False
    bare = line.rstrip(_CLOSERS)
    if line.endswith((",", "，", "、", ":", "：")):
        return not _is_code(line)
    if not bare or not _LETTER.search(bare) or _UNMARKED.search(bare[-1]) or _is_code(line):
        return False
    last = bare.split()[-1]
    if bare == line and _UNFINISHED.search(line) and len(line.split()) >= 3:
        return True
    is_label = "://" in last or last.startswith(("#", "@", "www.", "-")) or _ATTRIBUTION.search(line)
    return bare == line and not is_label and not _ITEM.match(line) and _SENTENCE_END.search(line) is not None


def _is_code(line: str) -> bool:
    return line.startswith(("    ", "\t")) or any(mark in line for mark in ("();", "{", "}", "==", "=>", "</", "->"))


def _has_open_fence(text: str) -> bool:
    """Whether a fenced code block is left open (CommonMark 0.31, section 4.5, at any indentation)."""
    if "```" not in text and "~~~" not in text:
        return False
    fence = ""
    for line in text.splitlines():
        match = _FENCE.match(line)
        if match is None:
            continue
        marks, rest = match.groups()
        if not fence:
            # Backticks after the opening ones make it code within a line, not a block.
            fence = "" if marks[0] == "`" and "`" in rest else marks
        elif marks[0] == fence[0] and len(marks) >= len(fence) and not rest.strip():
            fence = ""
    return bool(fence)
