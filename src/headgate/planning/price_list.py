"""AWS's public price list, in the form that its documentation describes: one file of JSON for each offer and region.

    https://pricing.us-east-1.amazonaws.com/offers/v1.0/aws/<offer>/current/region_index.json
        {"regions": {"eu-central-1": {"currentVersionUrl": "/offers/v1.0/aws/<offer>/<version>/<region>/index.json"}}}
    that file
        {"publicationDate": ..., "products": {<sku>: {"sku", "productFamily", "attributes": {"usagetype", ...}}},
         "terms": {"OnDemand": {<sku>: {<term>: {"priceDimensions": {<rate>: {"unit", "beginRange", "endRange",
         "pricePerUnit": {"USD": "0.1150000000"}}}}}}}}

(AWS Billing user guide, "Reading the service price list files".) It needs no account and no key. Usage types begin with
a code for the region (`EUC1-Host:ml.m5.large`), except where us-east-1 has none. A price in tiers is taken from the
first tier that is not free. What goes into an endpoint and what comes out of it, on instances or serverless, has one
price, under two usage types.
"""

import http.client
import json
import re
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from headgate.core.progress import Progress, silent
from headgate.errors import InvalidInput, Unavailable
from headgate.planning.prices import MOST_USD, Price

BASE = "https://pricing.us-east-1.amazonaws.com"
MOST_BYTES = 128 * 1024**2
TIMEOUT = 60.0
REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-[0-9]")
_CODE = r"(?:[A-Z]{2,4}[0-9]?-)?"


@dataclass(frozen=True, slots=True)
class Wanted:
    """One figure, or several of a kind: the offer, which usage types, and what they are called here.

    `key` may name groups of the pattern: `sagemaker.instance.\\1`. `attributes` must be equal where they are given.
    """

    offer: str
    usage: re.Pattern[str]
    key: str
    per: str
    attributes: Mapping[str, str]


def _wanted(offer: str, usage: str, key: str, per: str, **attributes: str) -> Wanted:
    return Wanted(offer, re.compile(usage), key, per, attributes)


WANTED = (
    _wanted("AmazonSageMaker", rf"{_CODE}Host:(ml\.[a-z0-9-]+\.[a-z0-9]+)", r"sagemaker.instance.\1", "hour"),
    _wanted("AmazonSageMaker", rf"{_CODE}ServerlessInf:Mem-([1-6])GB", r"sagemaker.serverless.\1", "second"),
    _wanted("AmazonSageMaker", rf"{_CODE}Hst:Data-Bytes-(?:In|Out)", "sagemaker.data", "GB"),
    _wanted("AWSLambda", rf"{_CODE}Request", "lambda.request", "request"),
    _wanted("AWSLambda", rf"{_CODE}Lambda-GB-Second", "lambda.gb_second", "GB-second"),
    _wanted("AmazonApiGateway", rf"{_CODE}ApiGatewayRequest", "api.request", "request"),
    _wanted("AmazonCloudWatch", rf"{_CODE}CW:MetricMonitorUsage", "cloudwatch.metric", "metric and month"),
    _wanted("AmazonCloudWatch", rf"{_CODE}CW:AlarmMonitorUsage", "cloudwatch.alarm", "alarm and month"),
    _wanted(
        "AmazonCloudWatch", rf"{_CODE}CW:CompositeAlarmMonitorUsage", "cloudwatch.composite_alarm", "alarm and month"
    ),
    _wanted("AmazonCloudWatch", r"DashboardsUsageHour-Basic", "cloudwatch.dashboard", "dashboard and month"),
    _wanted("AmazonCloudWatch", rf"{_CODE}DataProcessing-Bytes", "logs.written", "GB", operation="PutLogEvents"),
    _wanted("awskms", r"[a-z0-9-]+-KMS-Keys", "kms.key", "key and month"),
    _wanted("AmazonECR", rf"{_CODE}TimedStorage-ByteHrs", "ecr.stored", "GB and month"),
    _wanted("AmazonS3", rf"{_CODE}TimedStorage-ByteHrs", "s3.stored", "GB and month", volumeType="Standard"),
    _wanted("AmazonStates", rf"{_CODE}StateTransition", "states.transition", "transition"),
)
OFFERS = tuple(dict.fromkeys(wanted.offer for wanted in WANTED))

Get = Callable[[str], Any]
"""URL -> the JSON there."""


def fetch(region: str, *, base: str = BASE, get: Get | None = None, progress: Progress = silent) -> dict[str, Price]:
    """The prices of a region. Raises Unavailable without a network, InvalidInput for what is no price list."""
    if not REGION.fullmatch(region):
        raise InvalidInput(f"{region!r} is no region.", hint="Such as eu-central-1.")
    get = get or download
    found: dict[str, Price] = {}
    for number, offer in enumerate(OFFERS):
        progress(f"reading {offer}", number / len(OFFERS))
        index = get(f"{base}/offers/v1.0/aws/{offer}/current/region_index.json")
        place = _at(index, "regions", region, "currentVersionUrl")
        if not isinstance(place, str):
            continue  # the service is not in this region
        url = f"{base}{place}"
        found |= read_offer(offer, get(url), url)
    if not found:
        raise InvalidInput(f"The price list has nothing for {region}.", hint="Look at the region's name.")
    return found


def read_offer(offer: str, document: object, source: str) -> dict[str, Price]:
    """The wanted figures of one offer's file for one region. Raises InvalidInput where it is no such file."""
    products, terms = _at(document, "products"), _at(document, "terms", "OnDemand")
    published = _at(document, "publicationDate")
    if not isinstance(products, dict) or not isinstance(terms, dict) or not isinstance(published, str):
        raise InvalidInput(
            f"{source} is not a price list file.", hint="Its form may have changed; use `--prices FILE`."
        )
    found: dict[str, Price] = {}
    for sku, product in sorted(products.items()):
        attributes = _at(product, "attributes")
        usage = _at(attributes, "usagetype")
        if not isinstance(usage, str):
            continue
        for wanted in WANTED:
            key = _key(wanted, offer, usage, attributes)
            usd = _first_paid(terms.get(sku)) if key else None
            if key and usd is not None:
                found.setdefault(key, Price(usd, wanted.per, offer, usage, published[:10], source))
    return found


def download(url: str) -> Any:
    """The JSON at an https address (or on loopback), within bounds. Raises Unavailable and InvalidInput."""
    parts = urlsplit(url)
    if parts.scheme != "https" and parts.hostname not in ("127.0.0.1", "localhost"):
        raise InvalidInput(f"{url} is not an https address.")
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT) as answer:
            content = answer.read(MOST_BYTES + 1)
    except (OSError, http.client.HTTPException, ValueError) as error:
        reason = getattr(error, "reason", None) or error or type(error).__name__
        raise Unavailable(
            f"{url} cannot be read: {reason}.",
            hint="AWS's price list needs the internet. `--prices FILE` takes a file from elsewhere.",
        ) from None
    if len(content) > MOST_BYTES:
        raise InvalidInput(f"{url} is larger than {MOST_BYTES // 1024**2} MiB.")
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"{url} is not JSON: {error}.") from None


def _key(wanted: Wanted, offer: str, usage: str, attributes: object) -> str | None:
    match = wanted.usage.fullmatch(usage) if wanted.offer == offer else None
    if match is None or any(_at(attributes, name) != value for name, value in wanted.attributes.items()):
        return None
    return match.expand(wanted.key)


def _first_paid(terms: object) -> float | None:
    """The price of the first tier that is not free, in USD for one unit."""
    tiers = []
    for term in terms.values() if isinstance(terms, dict) else ():
        dimensions = _at(term, "priceDimensions")
        for dimension in dimensions.values() if isinstance(dimensions, dict) else ():
            usd, begin = _number(_at(dimension, "pricePerUnit", "USD")), _number(_at(dimension, "beginRange"))
            if usd is not None and 0 < usd <= MOST_USD:
                tiers.append((begin or 0.0, usd))
    return min(tiers)[1] if tiers else None


def _number(value: object) -> float | None:
    try:
        return float(value) if isinstance(value, str | int | float) else None
    except (ValueError, OverflowError):
        return None


def _at(value: object, *path: str) -> Any:
    """What is at a path of keys, None where there is nothing."""
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value
