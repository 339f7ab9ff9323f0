"""The languages of AWS Transcribe batch jobs, and the names people give them."""

# The LanguageCode enum of StartTranscriptionJob (checked in a test against botocore's service model).
_CODES = """
    ab-GE af-ZA am-ET ar-AE ar-SA ast-ES az-AZ ba-RU be-BY bg-BG bn-IN bs-BA ca-ES ckb-IQ ckb-IR cs-CZ cy-GB cy-WL da-DK
    de-CH de-DE el-GR en-AB en-AU en-GB en-IE en-IN en-NZ en-US en-WL en-ZA es-ES es-MX es-US et-EE et-ET eu-ES fa-AF
    fa-IR fi-FI fr-CA fr-FR ga-IE gd-GB gl-ES gu-IN ha-NG he-IL hi-IN hr-HR ht-HT hu-HU hy-AM id-ID is-IS it-IT ja-JP
    jv-ID ka-GE kab-DZ kk-KZ km-KH kn-IN ko-KR ky-KG lg-IN lt-LT lv-LV mhr-RU mi-NZ mk-MK ml-IN mn-MN mr-IN ms-MY mt-MT
    my-MM ne-NP nl-NL no-NO or-IN pa-IN pl-PL ps-AF pt-BR pt-PT ro-RO ru-RU rw-RW si-LK sk-SK sl-SI so-SO sq-AL sr-RS
    su-ID sv-SE sw-BI sw-KE sw-RW sw-TZ sw-UG ta-IN te-IN th-TH tl-PH tr-TR tt-RU ug-CN uk-UA uz-UZ vi-VN wo-SN zh-CN
    zh-HK zh-TW zu-ZA
"""
CODES = frozenset(_CODES.split())

_NAMES = {
    "ab": "Abkhaz", "af": "Afrikaans", "am": "Amharic", "ar": "Arabic", "ast": "Asturian", "az": "Azerbaijani",
    "ba": "Bashkir", "be": "Belarusian", "bg": "Bulgarian", "bn": "Bengali", "bs": "Bosnian", "ca": "Catalan",
    "ckb": "Kurdish", "cs": "Czech", "cy": "Welsh", "da": "Danish", "de": "German", "el": "Greek", "en": "English",
    "es": "Spanish", "et": "Estonian", "eu": "Basque", "fa": "Farsi", "fi": "Finnish", "fr": "French", "ga": "Irish",
    "gd": "Scottish Gaelic", "gl": "Galician", "gu": "Gujarati", "ha": "Hausa", "he": "Hebrew", "hi": "Hindi",
    "hr": "Croatian", "ht": "Haitian Creole", "hu": "Hungarian", "hy": "Armenian", "id": "Indonesian",
    "is": "Icelandic", "it": "Italian", "ja": "Japanese", "jv": "Javanese", "ka": "Georgian", "kab": "Kabyle",
    "kk": "Kazakh", "km": "Khmer", "kn": "Kannada", "ko": "Korean", "ky": "Kyrgyz", "lg": "Luganda",
    "lt": "Lithuanian", "lv": "Latvian", "mhr": "Meadow Mari", "mi": "Maori", "mk": "Macedonian", "ml": "Malayalam",
    "mn": "Mongolian", "mr": "Marathi", "ms": "Malay", "mt": "Maltese", "my": "Burmese", "ne": "Nepali",
    "nl": "Dutch", "no": "Norwegian", "or": "Odia", "pa": "Punjabi", "pl": "Polish", "ps": "Pashto",
    "pt": "Portuguese", "ro": "Romanian", "ru": "Russian", "rw": "Kinyarwanda", "si": "Sinhala", "sk": "Slovak",
    "sl": "Slovenian", "so": "Somali", "sq": "Albanian", "sr": "Serbian", "su": "Sundanese", "sv": "Swedish",
    "sw": "Swahili", "ta": "Tamil", "te": "Telugu", "th": "Thai", "tl": "Tagalog", "tr": "Turkish", "tt": "Tatar",
    "ug": "Uyghur", "uk": "Ukrainian", "uz": "Uzbek", "vi": "Vietnamese", "wo": "Wolof", "zh": "Chinese", "zu": "Zulu",
}  # fmt: skip

_BY_NAME = {
    **{code.lower(): code for code in CODES},
    **{base: base for base in _NAMES},
    **{name.lower(): base for base, name in _NAMES.items()},
    "persian": "fa", "filipino": "tl", "mandarin": "zh",
}  # fmt: skip


def base(code: str) -> str:
    """ "en" of "en-US"."""
    return code.partition("-")[0]


def named(text: str) -> str | None:
    """The language a name or code means: "en-us" -> "en-US", "English" -> "en", other text -> None."""
    return _BY_NAME.get(text.strip().lower().replace("_", "-"))


def like(text: str) -> list[str]:
    """The codes of the language that a wrong code or a name seems to mean, for an error's remedy."""
    wanted = base(named(text) or text.strip().lower())
    return sorted(code for code in CODES if base(code) == wanted)
