"""AWS's rules between the parameters of StartTranscriptionJob, which the service model does not express."""

from collections.abc import Mapping
from typing import Any

from local_aws.errors import BadRequest

_PAIRS = (
    ("ShowSpeakerLabels", "MaxSpeakerLabels"),
    ("ShowAlternatives", "MaxAlternatives"),
    ("VocabularyFilterName", "VocabularyFilterMethod"),
)
_REDACTED_LANGUAGES = {
    "en-US", "es-US",
    "fr-FR", "fr-CA", "de-DE", "de-CH", "it-IT", "pt-PT", "pt-BR",  # since May 2026
}  # fmt: skip
_NOT_WITH_TOXICITY = (
    "ShowSpeakerLabels",
    "ChannelIdentification",
    "ShowAlternatives",
    "VocabularyName",
    "VocabularyFilterName",
)


def check_job(request: Mapping[str, Any]) -> None:
    """Raises BadRequest for a combination of parameters that AWS refuses."""
    _check_language(request)
    _check_identification(request)
    _check_settings(request)
    _check_redaction(request)
    _check_toxicity(request)
    _check_deferral(request)


def _check_language(request: Mapping[str, Any]) -> None:
    ways = [name for name in ("LanguageCode", "IdentifyLanguage", "IdentifyMultipleLanguages") if request.get(name)]
    if len(ways) != 1:
        raise BadRequest(
            "Specify exactly one of LanguageCode, IdentifyLanguage and IdentifyMultipleLanguages "
            f"({' and '.join(ways) or 'none'} given)."
        )
    if len(request.get("LanguageOptions") or ()) == 1:
        raise BadRequest("LanguageOptions must hold at least two language codes.")
    for name in ("LanguageOptions", "LanguageIdSettings"):
        if request.get(name) and request.get("LanguageCode"):
            raise BadRequest(f"{name} can only be used with IdentifyLanguage or IdentifyMultipleLanguages.")


def _check_identification(request: Mapping[str, Any]) -> None:
    """What belongs to one language is named by language (botocore's model of LanguageIdSettings)."""
    if request.get("LanguageCode"):
        return
    if (request.get("ModelSettings") or {}).get("LanguageModelName"):
        raise BadRequest("Custom language models in ModelSettings can't be used with language identification.")
    used = [name for name in ("VocabularyName", "VocabularyFilterName") if (request.get("Settings") or {}).get(name)]
    if used:
        raise BadRequest(f"With language identification put {used[0]} into LanguageIdSettings, not into Settings.")
    if request.get("IdentifyMultipleLanguages") and _named_by_language(request, "LanguageModelName"):
        raise BadRequest("Custom language models can't be used with IdentifyMultipleLanguages.")


def _named_by_language(request: Mapping[str, Any], name: str) -> list[str]:
    return [each[name] for each in (request.get("LanguageIdSettings") or {}).values() if each.get(name)]


def _check_settings(request: Mapping[str, Any]) -> None:
    settings = dict(request.get("Settings") or {})
    settings.setdefault("VocabularyFilterName", _named_by_language(request, "VocabularyFilterName"))
    for first, second in _PAIRS:
        if bool(settings.get(first)) != bool(settings.get(second)):
            raise BadRequest(f"{first} and {second} must be specified together.")


def _check_redaction(request: Mapping[str, Any]) -> None:
    if not request.get("ContentRedaction"):
        return
    if request.get("IdentifyMultipleLanguages"):
        raise BadRequest("ContentRedaction can't be used with IdentifyMultipleLanguages.")
    if request.get("LanguageCode") not in (None, *_REDACTED_LANGUAGES):
        raise BadRequest(f"ContentRedaction isn't supported for {request['LanguageCode']}.")


def _check_toxicity(request: Mapping[str, Any]) -> None:
    """US English, and nothing else but redaction (AWS Transcribe developer guide, "Using toxic speech detection")."""
    if not request.get("ToxicityDetection"):
        return
    if request.get("LanguageCode") != "en-US":
        raise BadRequest("ToxicityDetection is supported for en-US only.")
    used = [name for name in _NOT_WITH_TOXICITY if (request.get("Settings") or {}).get(name)]
    if used or request.get("ModelSettings"):
        raise BadRequest(f"ToxicityDetection can't be used with {(used or ['ModelSettings'])[0]}.")


def _check_deferral(request: Mapping[str, Any]) -> None:
    execution = request.get("JobExecutionSettings") or {}
    if bool(execution.get("AllowDeferredExecution")) != bool(execution.get("DataAccessRoleArn")):
        raise BadRequest("AllowDeferredExecution and DataAccessRoleArn must be specified together.")
