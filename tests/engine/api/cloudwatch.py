"""Stock boto3 as a client of CloudWatch, in each protocol that it can be made to speak.

botocore takes the first protocol that both it and the service model know, so a copy of the model that offers one alone
decides. It is found by the same search path as AWS_DATA_PATH.
"""

import gzip
import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import botocore.session
from botocore.config import Config

from tests.engine.api.running import ACCESS_KEY, REGION, SECRET_KEY

PROTOCOLS = {"json": "json", "query": "query", "cbor": "smithy-rpc-v2-cbor"}
VERSION = "2010-08-01"


def write_models(folder: Path) -> Path:
    """A data path for each protocol, below `folder`."""
    packed = files("botocore") / "data" / "cloudwatch" / VERSION / "service-2.json.gz"
    model = json.loads(gzip.decompress(packed.read_bytes()))
    for name, protocol in PROTOCOLS.items():
        place = folder / name / "cloudwatch" / VERSION
        place.mkdir(parents=True)
        changed = model | {"metadata": model["metadata"] | {"protocols": [protocol], "protocol": protocol}}
        (place / "service-2.json").write_text(json.dumps(changed))
    return folder


def client(port: int, models: Path, protocol: str, secret_key: str = SECRET_KEY) -> Any:
    """A client that sends what it is given, unchecked."""
    session = botocore.session.Session()
    session.set_config_variable("data_path", str(models / protocol))
    made = session.create_client(
        "cloudwatch",
        region_name=REGION,
        endpoint_url=f"http://127.0.0.1:{port}",
        aws_access_key_id=ACCESS_KEY,
        aws_secret_access_key=secret_key,
        config=Config(retries={"total_max_attempts": 1}, parameter_validation=False),
    )
    assert made.meta.service_model.resolved_protocol == PROTOCOLS[protocol]
    return made
