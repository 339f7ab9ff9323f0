"""AWS's rules between the parameters of StartTranscriptionJob, which the service model does not express."""

from collections.abc import Mapping
from typing import Any

from local_aws.errors import BadRequest

_PAIRS = (
    ("ShowSpeakerLabels", "MaxSpeakerLabels"),
    ("ShowAlternatives", "MaxAlternatives"),
    ("VocabularyFilterName", "VocabularyFilterMethod"),
)


def check_job(request: Mapping[str, Any]) -> None:
    """Raises BadRequest for a combination of parameters that AWS refuses."""
    _check_language(request)
    _check_settings(request.get("Settings") or {})
    _check_redaction(request)
    _check_deferral(request)


def _check_language(request: Mapping[str, Any]) -> None:
    ways = [name for name in ("LanguageCode", "IdentifyLanguage", "IdentifyMultipleLanguages") if request.get(name)]
    if len(ways) != 1:
        raise BadRequest(
            "Specify exactly one of LanguageCode, IdentifyLanguage and IdentifyMultipleLanguages "
            f"({' and '.join(ways) or 'none'} given)."
        )
    identifies = ways != ["LanguageCode"]
    options = request.get("LanguageOptions") or []
    if options and not identifies:
        raise BadRequest("LanguageOptions can only be used with IdentifyLanguage or IdentifyMultipleLanguages.")
    if len(options) == 1:
        raise BadRequest("LanguageOptions must hold at least two language codes.")
    if request.get("LanguageIdSettings") and not identifies:
        raise BadRequest("LanguageIdSettings can only be used with IdentifyLanguage or IdentifyMultipleLanguages.")
    if identifies and (request.get("ModelSettings") or {}).get("LanguageModelName"):
        raise BadRequest("Custom language models in ModelSettings can't be used with language identification.")
    used = [name for name in ("VocabularyName", "VocabularyFilterName") if (request.get("Settings") or {}).get(name)]
    if identifies and used:
        raise BadRequest(f"With language identification put {used[0]} into LanguageIdSettings, not into Settings.")


def _check_settings(settings: Mapping[str, Any]) -> None:
    for first, second in _PAIRS:
        if bool(settings.get(first)) != bool(settings.get(second)):
            raise BadRequest(f"{first} and {second} must be specified together.")
    if settings.get("ShowSpeakerLabels") and settings.get("ChannelIdentification"):
        raise BadRequest("ShowSpeakerLabels and ChannelIdentification can't be used in the same request.")


def _check_redaction(request: Mapping[str, Any]) -> None:
    if not request.get("ContentRedaction"):
        return
    if request.get("IdentifyMultipleLanguages"):
        raise BadRequest("ContentRedaction can't be used with IdentifyMultipleLanguages.")
    if request.get("LanguageCode") not in (None, "en-US", "es-US"):
        raise BadRequest(f"ContentRedaction isn't supported for {request['LanguageCode']}.")


def _check_deferral(request: Mapping[str, Any]) -> None:
    execution = request.get("JobExecutionSettings") or {}
    if bool(execution.get("AllowDeferredExecution")) != bool(execution.get("DataAccessRoleArn")):
        raise BadRequest("AllowDeferredExecution and DataAccessRoleArn must be specified together.")
