"""AWS's price list, read in its documented form."""

import re
import socket
import threading
from typing import Any

import pytest

from headgate.errors import HeadgateError, InvalidInput, Unavailable
from headgate.planning.cost import Assumptions, forecast
from headgate.planning.price_list import OFFERS, WANTED, download, fetch, read_offer
from headgate.planning.prices import Price, Prices, known_regions, packaged
from tests.planning.environments import environment
from tests.planning.price_list import REGION, offer, product, served


def test_the_wanted_figures_and_no_others() -> None:
    with served() as base:
        found = fetch(REGION, base=base)
    assert {key: price.usd for key, price in found.items()} == {
        "sagemaker.instance.ml.m5.large": 0.138,
        "sagemaker.serverless.2": 0.000046,  # the first 150,000 seconds are free
        "sagemaker.data": 0.016,
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
        product("B3", "Lambda-GB-Second", ("0", "0.00001")),
        product("B4", "Lambda-GB-Second-ARM", ("0", "0.000008")),
    )
    assert {*read_offer("AWSLambda", document, "x")} == {"lambda.request", "lambda.gb_second"}


def test_every_packaged_figure_is_one_that_the_list_has_under_that_name() -> None:
    attributes = {"operation": "PutLogEvents", "volumeType": "Standard"}
    for key, price in known_regions("packaged", packaged())["us-east-1"].items():
        made = product("A", price.usage, ("0", f"{price.usd:.10f}"), **attributes)
        found = read_offer(price.offer, offer(price.offer, made), "x")
        assert {name: (it.usd, it.per) for name, it in found.items()} == {key: (price.usd, price.per)}, price.usage


class Asked(dict[str, Price]):
    """A file without a price, which remembers what it was asked for."""

    keys_asked: set[str]

    def get(self, key: str, default: Any = None) -> Any:
        """Nothing."""
        self.keys_asked.add(key)
        return default


def test_what_a_forecast_asks_for_is_fetched_and_nothing_else() -> None:
    figures = Asked()
    figures.keys_asked = set()
    kinds: tuple[dict[str, object], ...] = ({"realtime": {}}, {"serverless": {}}, {"lambda": {}})
    for hosting in kinds:
        for front in (None, {"origins": ["https://school.example"]}):
            given = environment(hosting=hosting, front=front, capture=None if "lambda" in hosting else {})
            forecast(given, 1.0, 60.0, Prices("r", "r", "a test", figures), Assumptions())
    patterns = {wanted.key: re.escape(wanted.key).replace(r"\\1", ".+") for wanted in WANTED}
    asked_by = {
        key: [it for it, pattern in patterns.items() if re.fullmatch(pattern, key)] for key in figures.keys_asked
    }
    assert {key for key, found in asked_by.items() if not found} == set(), "--refresh-prices does not fetch these"
    assert {it for found in asked_by.values() for it in found} == {*patterns}, "fetched for nothing"


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
    ("answer", "error", "said"),
    [
        (b"SSH-2.0-OpenSSH\r\n", Unavailable, "cannot be read"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n" + b"[" * 200_000, InvalidInput, "is not JSON"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{", InvalidInput, "is not JSON"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n\xff", InvalidInput, "is not JSON"),
    ],
)
def test_a_server_that_answers_anything(answer: bytes, error: type[HeadgateError], said: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            client, _ = server.accept()
            with client:
                client.recv(65_536)
                client.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        with pytest.raises(error, match=said):
            download(f"http://127.0.0.1:{server.getsockname()[1]}/x")
        thread.join()


def test_prices_that_nothing_can_cost_are_left_out() -> None:
    for usd in ("1e308", "1e400", "nan", "-1", "9" * 400):
        document = offer("AWSLambda", product("B2", "Request", ("0", usd)))
        assert read_offer("AWSLambda", document, "x") == {}
    (dimension,) = document["terms"]["OnDemand"]["B2"]["B2.JRTCKXETXF"]["priceDimensions"].values()
    dimension["pricePerUnit"]["USD"] = 10**400
    assert read_offer("AWSLambda", document, "x") == {}


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
