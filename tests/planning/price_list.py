"""AWS's price list in small, served on loopback: the documented form, a few products of one region."""

import http.server
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

REGION = "eu-central-1"


def product(sku: str, usage: str, *tiers: tuple[str, str], **attributes: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """A product and its on-demand terms; each tier is where it begins and its price."""
    dimensions = {
        f"{sku}.JRTCKXETXF.{number}": {
            "rateCode": f"{sku}.JRTCKXETXF.{number}",
            "description": "...",
            "beginRange": begin,
            "endRange": "Inf",
            "unit": "unit",
            "pricePerUnit": {"USD": usd},
            "appliesTo": [],
        }
        for number, (begin, usd) in enumerate(tiers)
    }
    terms = {f"{sku}.JRTCKXETXF": {"offerTermCode": "JRTCKXETXF", "sku": sku, "priceDimensions": dimensions}}
    return {"sku": sku, "attributes": {"usagetype": usage, "regionCode": REGION, **attributes}}, terms


def offer(code: str, *products: tuple[dict[str, Any], dict[str, Any]]) -> dict[str, Any]:
    """One offer's file."""
    return {
        "formatVersion": "v1.0",
        "offerCode": code,
        "version": "20261120000000",
        "publicationDate": "2026-11-20T00:00:00Z",
        "products": {found["sku"]: found for found, _ in products},
        "terms": {"OnDemand": {found["sku"]: terms for found, terms in products}},
    }


OFFERS = {
    "AmazonSageMaker": offer(
        "AmazonSageMaker",
        product("A1", "EUC1-Host:ml.m5.large", ("0", "0.1380000000")),
        product("A2", "EUC1-Train:ml.m5.large", ("0", "0.9990000000")),
        product("A3", "EUC1-ServerlessInf:Mem-2GB", ("0", "0.0000000000"), ("150000", "0.0000460000")),
        product("A4", "EUC1-AsyncInf:ml.m5.large", ("0", "0.8880000000")),
        product("A5", "EUC1-Hst:Data-Bytes-In", ("0", "0.0160000000"), operation="Invoke-Endpoint"),
        product("A6", "EUC1-Hst:Data-Bytes-Out", ("0", "0.0160000000"), operation="Invoke-Endpoint"),
    ),
    "AWSLambda": offer(
        "AWSLambda",
        product("B1", "EUC1-Lambda-GB-Second", ("6000000000", "0.0000150000"), ("0", "0.0000166667")),
        product("B2", "EUC1-Request", ("0", "0.0000002000")),
        product("B3", "Global-Request", ("0", "0.0000000000")),
    ),
    "AmazonCloudWatch": offer(
        "AmazonCloudWatch",
        product("C1", "EUC1-DataProcessing-Bytes", ("0", "0.6300000000"), operation="PutLogEvents"),
        product("C2", "EUC1-DataProcessing-Bytes", ("0", "0.1110000000"), operation="Other"),
    ),
    "awskms": offer("awskms", product("D1", "eu-central-1-KMS-Keys", ("0", "1.0000000000"))),
}
PATHS: dict[str, Any] = {}
for _code, _content in OFFERS.items():
    _url = f"/offers/v1.0/aws/{_code}/20261120000000/{REGION}/index.json"
    PATHS[f"/offers/v1.0/aws/{_code}/current/region_index.json"] = {
        "formatVersion": "v1.0",
        "publicationDate": "2026-11-20T00:00:00Z",
        "regions": {REGION: {"regionCode": REGION, "currentVersionUrl": _url}},
    }
    PATHS[_url] = _content
EMPTY = {"formatVersion": "v1.0", "publicationDate": "2026-11-20T00:00:00Z", "regions": {}}


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        content = json.dumps(PATHS.get(self.path, EMPTY)).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def served() -> Iterator[str]:
    """The list on loopback; its address."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
