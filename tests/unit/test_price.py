"""Prices are the operator's: by default AWS's of September 2026."""

import pytest

from transcribe_backend.aws.price import Price
from transcribe_backend.errors import SettingsError
from transcribe_backend.settings import Settings


@pytest.mark.parametrize(
    ("price", "seconds", "billed", "dollars"),
    [
        (Price(), 60, 60, 0.006),
        (Price(), 3.2, 4, 0.0004),
        (Price(), 0, 0, 0.0),
        (Price(0.024, 15), 3.2, 15, 0.006),
        (Price(0.024, 15), 15.1, 16, 0.0064),
    ],
)
def test_seconds_are_billed_whole_and_never_below_the_minimum(
    price: Price, seconds: float, billed: int, dollars: float
) -> None:
    assert price.billed(seconds) == billed
    assert price.dollars(billed) == dollars


def priced(environ: dict[str, str]) -> Price:
    settings = Settings.from_env(environ)
    return Price(settings.price_per_minute, settings.minimum_seconds)


def test_the_settings_have_the_prices_of_aws_unless_they_say_otherwise() -> None:
    assert priced({}) == Price()
    assert priced({"TRANSCRIBE_PRICE_PER_MINUTE": "0.03", "TRANSCRIBE_MINIMUM_SECONDS": "15"}) == Price(0.03, 15)
    with pytest.raises(SettingsError, match="TRANSCRIBE_PRICE_PER_MINUTE"):
        Settings.from_env({"TRANSCRIBE_PRICE_PER_MINUTE": "-1"})
