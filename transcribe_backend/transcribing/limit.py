"""MAX_AUDIO_HOURS_PER_DAY in words: what keeps new audio waiting, and until when."""

from transcribe_backend.errors import DailyLimit, Mended
from transcribe_backend.work.ledger import DAY
from transcribe_backend.work.quotas import Length, Today


def daily_limit(audio: str, length: Length, today: Today, now: float) -> DailyLimit:
    """Why an audio is not transcribed today; `now` is a Unix time."""
    error = used_up(today)
    if length.seconds > today.most:
        error = DailyLimit(
            f"{audio} lasts {length.seconds / 3600:.1f} h, which is more than MAX_AUDIO_HOURS_PER_DAY={_hours(today)}"
            " allows in a day.",
            remedy="Raise MAX_AUDIO_HOURS_PER_DAY and restart the backend, or split the audio.",
            mended=Mended.OPERATOR,
        )
    error.pause = DAY - now % DAY
    return error


def used_up(today: Today) -> DailyLimit:
    """Why nothing new is transcribed today."""
    return DailyLimit(
        f"Today's audio hours are used up (MAX_AUDIO_HOURS_PER_DAY={_hours(today)}).",
        remedy="Work resumes at 00:00 UTC. To resume now, raise the setting and restart the backend.",
    )


def _hours(today: Today) -> str:
    return f"{today.most / 3600:g}"
