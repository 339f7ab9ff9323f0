"""MAX_AUDIO_HOURS_PER_DAY in words: what keeps new audio waiting, and until when."""

from transcribe_backend.errors import DailyLimit, Mended
from transcribe_backend.work.ledger import DAY
from transcribe_backend.work.quotas import Length, Today


def daily_limit(audio: str, length: Length, today: Today, now: float) -> DailyLimit:
    """Why an audio is not transcribed today; `now` is a Unix time."""
    hours = f"{today.most / 3600:g}"
    if length.seconds > today.most:
        error = DailyLimit(
            f"{audio} lasts {length.seconds / 3600:.1f} h, more than MAX_AUDIO_HOURS_PER_DAY={hours} allow in a day.",
            remedy="Raise MAX_AUDIO_HOURS_PER_DAY and start the backend again, or split the audio.",
            mended=Mended.OPERATOR,
        )
    else:
        error = DailyLimit(
            f"MAX_AUDIO_HOURS_PER_DAY={hours} are used up for today.",
            remedy="It goes on at 00:00 UTC. To go on now, raise the setting and start the backend again.",
        )
    error.pause = DAY - now % DAY
    return error
