"""What AWS Transcribe charges for audio: always an estimate, since prices differ by region and change."""

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Price:
    """`per_minute` in US dollars; a job is billed by the second, for at least `minimum` seconds.

    Source: Price List API, `TranscribeAudio` in us-east-1, eu-west-1, us-west-2, September 2026: $0.0001 a second, and
    the pricing page of that month: no minimum. It was $0.024 a minute and 15 seconds before.
    """

    per_minute: float = 0.006
    minimum: float = 0.0

    def billed(self, seconds: float) -> int:
        """The seconds that AWS bills for one job on audio of this length."""
        return math.ceil(max(seconds, self.minimum))

    def dollars(self, billed: float) -> float:
        """Estimated price in US dollars of so many billed seconds."""
        return round(billed / 60 * self.per_minute, 4)
