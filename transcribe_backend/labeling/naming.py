"""What names of labels and text areas suggest: guesses, which `predicted_values` and `model_*` attributes overrule."""

import re

_SPEAKER = ["speaker", "spk", "person", "participant", "voice", "talker"]
_NUMBERS = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]
_ROLES_OF_PEOPLE = """
    adult advisor agent applicant assistant attorney boy buyer callee caller candidate child client clinician coach
    customer defendant dispatcher doctor driver employee examiner father female girl guest host interviewee interviewer
    judge lawyer lecturer male man manager moderator mother narrator nurse officer operator parent passenger patient
    physician pilot presenter professor recruiter representative respondent seller student supervisor teacher therapist
    trainer user victim witness woman
"""
_ROLES = frozenset(_ROLES_OF_PEOPLE.split())
_PERSON = re.compile(rf"(?:{'|'.join([*_SPEAKER, *sorted(_ROLES)])})[\s_#-]*(?:\d+|[a-z]|{'|'.join(_NUMBERS)})")
_SPEECH = frozenset({"speech", "voice", "talk", "talking", "speaking", "utterance", "transcript", "transcription"})
_SOUNDS = frozenset(
    [
        "applause",
        "background",
        "beep",
        "bark",
        "breath",
        "cough",
        "crosstalk",
        "dog",
        "echo",
        "hold",
        "ivr",
        "laugh",
        "laughing",
        "laughter",
        "music",
        "no",
        "noise",
        "noisy",
        "non",
        "none",
        "nonspeech",
        "nothing",
        "other",
        "overlap",
        "overlapping",
        "ringing",
        "ringtone",
        "silence",
        "silent",
        "static",
        "tone",
        "unknown",
    ]
)
_JUDGEMENTS = frozenset(
    [
        "angry",
        "bad",
        "calm",
        "clear",
        "correct",
        "good",
        "happy",
        "incorrect",
        "negative",
        "neutral",
        "positive",
        "sad",
        "unclear",
        "unintelligible",
        "yes",
    ]
)

# What people call the text of the speech, and how surely they mean it.
_TRANSCRIPT = (
    (3, re.compile(r"transcri|transkri|verbatim")),
    (2, re.compile(r"asr$|stt$|speech|utterance|spoken|said$|words?$|caption|subtitle|sentence")),
    (1, re.compile(r"text")),
)
_NO_TRANSCRIPT = re.compile(
    r"answer|category|comment|context|description|email|entit|explanation|feedback|id$|intent|issue|keyword|"
    r"koment|komment|note|notiz|question|reason|remark|review|summary|tags?$|title|topic|translat"
)
_WORDS = re.compile(r"[A-Z]?[^\W\d_A-Z]+|[A-Z]+(?![^\W\d_A-Z])")


def is_person(name: str) -> bool:
    """Is this a person by name, such as Speaker one, Agent or Customer 2? `name` is in lower case."""
    return name in _ROLES or bool(_PERSON.fullmatch(name))


def is_speech(name: str) -> bool:
    """Does a label of this name (in lower case) say: this is speech?"""
    return name in _SPEECH


def is_sound(name: str) -> bool:
    """Does a label of this name (in lower case) mean something else than speech?"""
    return not _SOUNDS.isdisjoint(_words(name))


def is_judgement(name: str) -> bool:
    """Does a label of this name (in lower case) judge what is said, which no transcript tells?"""
    return not _JUDGEMENTS.isdisjoint(_words(name))


def transcript_rank(name: str) -> int:
    """How surely a text area of this name is for the transcript: 0 for a name that says nothing, -1 for other texts."""
    words = _words(name)
    if any(_NO_TRANSCRIPT.match(word) for word in words):
        return -1
    return next((rank for rank, hint in _TRANSCRIPT if any(hint.match(word) for word in words)), 0)


def _words(name: str) -> list[str]:
    """The words of `reviewer_notes`, `reviewerNotes` or "Reviewer notes", in lower case."""
    return [word.lower() for word in _WORDS.findall(name)]
