"""AWS's price list, read in its documented form."""

import socket

import pytest

from headgate.errors import InvalidInput, Unavailable
from headgate.planning.price_list import OFFERS, download, fetch, read_offer
from tests.planning.price_list import REGION, offer, product, served


def test_the_wanted_figures_and_no_others() -> None:
    with served() as base:
        found = fetch(REGION, base=base)
    assert {key: price.usd for key, price in found.items()} == {
        "sagemaker.instance.ml.m5.large": 0.138,
        "sagemaker.serverless.2": 0.000046,  # the first 150,000 seconds are free
        "lambda.gb_second": 0.0000166667,
        "lambda.request": 0.0000002,
        "logs.written": 0.63,
        "kms.key": 1.0,
    }
    price = found["sagemaker.instance.ml.m5.large"]
    assert (price.offer, price.usage, price.read) == ("AmazonSageMaker", "EUC1-Host:ml.m5.large", "2026-11-20")
    assert price.source.endswith("/offers/v1.0/aws/AmazonSageMaker/20261120000000/eu-central-1/index.json")


def test_us_east_1_has_usage_types_without_a_code() -> None:
    document = offer(
        "AWSLambda",
        product("B2", "Request", ("0", "0.0000002")),
        product("B3", "Lambda-GB-Second-ARM", ("0", "0.00001")),
    )
    assert {*read_offer("AWSLambda", document, "x")} == {"lambda.request", "lambda.gb_second_arm"}


@pytest.mark.parametrize(
    ("code", "usage", "attributes", "key"),
    [
        ("AmazonApiGateway", "EUC1-ApiGatewayRequest", {}, "api.request"),
        ("AmazonCloudWatch", "EUC1-CW:AlarmMonitorUsage", {}, "cloudwatch.alarm"),
        ("AmazonCloudWatch", "EUC1-CW:CompositeAlarmMonitorUsage", {}, "cloudwatch.composite_alarm"),
        ("AmazonCloudWatch", "DashboardsUsageHour-Basic", {}, "cloudwatch.dashboard"),
        ("AmazonECR", "EUC1-TimedStorage-ByteHrs", {}, "ecr.stored"),
        ("AmazonS3", "EUC1-TimedStorage-ByteHrs", {"volumeType": "Standard"}, "s3.stored"),
        ("AmazonS3", "EUC1-TimedStorage-ByteHrs", {"volumeType": "Tags"}, None),
        ("AmazonStates", "EUC1-StateTransition", {}, "states.transition"),
    ],
)
def test_what_stands_is_found_too(code: str, usage: str, attributes: dict[str, str], key: str | None) -> None:
    found = read_offer(code, offer(code, product("A", usage, ("0", "0.1"), **attributes)), "x")
    assert [*found] == ([key] if key else [])


def test_a_region_that_nobody_has() -> None:
    with served() as base:
        with pytest.raises(InvalidInput, match="has nothing for eu-west-9"):
            fetch("eu-west-9", base=base)
        with pytest.raises(InvalidInput, match="is no region"):
            fetch("../../etc", base=base)


def test_progress_is_told() -> None:
    told: list[str] = []
    with served() as base:
        fetch(REGION, base=base, progress=lambda said, _: told.append(said))
    assert told == [f"reading {code}" for code in OFFERS]


def test_without_a_network() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        with pytest.raises(Unavailable, match="cannot be read") as failed:
            fetch(REGION, base=f"http://127.0.0.1:{port}")
    assert "--prices FILE" in failed.value.hint
    with pytest.raises(InvalidInput, match="not an https address"):
        download("http://example.invalid/x")
    with pytest.raises(InvalidInput, match="not an https address"):
        download("file:///etc/passwd")


@pytest.mark.parametrize(
    "document", [None, [], {}, {"products": {}, "terms": {}}, {"products": {}, "terms": {"OnDemand": {}}}]
)
def test_what_is_no_price_list(document: object) -> None:
    with pytest.raises(InvalidInput, match="is not a price list file"):
        read_offer("AWSLambda", document, "x")


def test_products_without_a_price_are_left_out() -> None:
    document = offer("AWSLambda", product("B2", "Request", ("0", "dear")), product("B3", "Lambda-GB-Second"))
    document["products"]["odd"] = 3
    assert read_offer("AWSLambda", document, "x") == {}
