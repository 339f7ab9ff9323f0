"""What a minute costs, where the caller may ask."""

import json
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from contract.account import Account
from contract.assumption import NotToldError, Seen, assume
from transcribe_backend.aws.price import Price


@assume("The price that estimates are made with is AWS's.", f"${Price().per_minute:g} a minute", "aws/price.py")
def minute(account: Account) -> Seen:
    """By the Price List API, which is in us-east-1 for all regions."""
    filters = [{"Type": "TERM_MATCH", "Field": "regionCode", "Value": account.region}]
    try:
        pages = account.client("pricing", "us-east-1").get_products(ServiceCode="transcribe", Filters=filters)
        products = [json.loads(each) for each in pages["PriceList"]]
    except (ClientError, BotoCoreError, KeyError) as error:
        raise NotToldError(f"the Price List API does not tell ({type(error).__name__})") from error
    prices = sorted(_per_second(product) for product in products if _is_batch(product))
    if not prices:
        raise NotToldError("the Price List API lists no batch transcription here")
    return Seen(", ".join(f"${price * 60:g} a minute" for price in prices), Price().per_minute / 60 in prices)


def _is_batch(product: Any) -> bool:
    return str(product["product"]["attributes"].get("usagetype", "")).endswith("TranscribeAudio")


def _per_second(product: Any) -> float:
    """The first tier's price; the unit is a second."""
    (term,) = product["terms"]["OnDemand"].values()
    tiers = list(term["priceDimensions"].values())
    first = min(tiers, key=lambda tier: float(str(tier["beginRange"])))
    return round(float(first["pricePerUnit"]["USD"]), 9)
