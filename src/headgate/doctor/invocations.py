"""What requests get: the right answer, or an error that blames the right side.

SageMaker hands any answer but 2xx to the caller as a ModelError. The status still matters: alarms and rollbacks count
5xx, so a caller's mistake that is answered with 500 looks like a bad model.
"""

import json

from headgate.doctor.check import Check, Finding, failed, ok, skipped, warning
from headgate.doctor.sample import CSV, JSON, JSON_LINES, MARK, NPY, capture_encoding
from headgate.doctor.visit import INVOCATIONS, Visit
from headgate.doctor.wire import Reply, ask, request

UNKNOWN_TYPE = "application/x-headgate-doctor"
NO_SAMPLE = skipped("no valid request is known: give one with --sample")
_WORST_FIRST = ("failed", "warning", "ok")
_HEADERS = {
    "x_amzn_sagemaker_custom_attributes": "trace=1",
    "x_amzn_sagemaker_inference_id": "headgate-doctor",
    "x_amzn_sagemaker_session_id": "headgate-doctor",
    "x_amzn_sagemaker_target_variant": "AllTraffic",
    "x_request_id": "headgate-doctor",
    "x_unheard_of": "1",
    "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
}


def look_at_sample(visit: Visit) -> Finding:
    """A valid request."""
    if visit.sample is None:
        return NO_SAMPLE
    reply = visit.invoke(visit.sample.body, visit.sample.content_type)
    if reply.status != 200:
        return failed(f"a valid request got {reply}")
    return ok(f"200 in {reply.seconds * 1000:.1f} ms: {' '.join(reply.body[:80].decode(errors='replace').split())}")


def look_at_headers(visit: Visit) -> Finding:
    """The same with every header that may come along."""
    if visit.sample is None:
        return NO_SAMPLE
    reply = visit.invoke(visit.sample.body, visit.sample.content_type, **_HEADERS)
    return ok("InvokeEndpoint's and unknown headers do no harm") if reply.status == 200 else failed(f"got {reply}")


def look_at_answer_type(visit: Visit) -> Finding:
    """Whether the answer is of the type that it says."""
    if visit.sample is None:
        return NO_SAMPLE
    reply = visit.invoke(visit.sample.body, visit.sample.content_type, accept=JSON)
    if reply.status != 200:
        return skipped("the sample was not answered")
    if not reply.content_type:
        return warning("the answer has no content type")
    if reply.content_type == JSON and not _is_json(reply.body):
        return failed(f"the answer says {JSON}, but is not: {reply}")
    return ok(reply.content_type)


def _is_json(body: bytes) -> bool:
    try:
        json.loads(body)
    except ValueError:
        return False
    return True


def look_at_capture(visit: Visit) -> Finding:
    """How data capture would write request and answer down."""
    if visit.sample is None:
        return NO_SAMPLE
    pairs = {}
    for media, body in {visit.sample.content_type: visit.sample.body, **visit.sample.others}.items():
        reply = visit.invoke(body, media)
        if reply.status == 200:
            pairs[media] = f"{capture_encoding(media)} in, {capture_encoding(reply.content_type)} out"
    if not pairs:
        return skipped("the sample was not answered")
    seen = "; ".join(f"{media}: {pair}" for media, pair in pairs.items())
    readable = [media for media in pairs if capture_encoding(media) != "BASE64"]
    return warning(seen) if any("BASE64" in pairs[media] for media in readable) else ok(seen)


def look_at_content_types(visit: Visit) -> Finding:
    """The types that SageMaker's own containers read."""
    if visit.sample is None:
        return NO_SAMPLE
    if visit.sample.row is None:
        return skipped("no schema to make other requests from")
    bodies = {JSON: visit.sample.body, **visit.sample.others}
    statuses = {
        media: visit.invoke(bodies[media], media).status for media in (JSON, CSV, JSON_LINES, NPY) if media in bodies
    }
    seen = ", ".join(f"{media} {status}" for media, status in statuses.items())
    if any(status >= 500 for status in statuses.values()):
        return failed(seen)
    return ok(seen) if set(statuses.values()) <= {200, 415} else warning(seen)


def look_at_unknown_type(visit: Visit) -> Finding:
    """A content type that nobody can know."""
    return _refused(visit.invoke(b"\x00\x01\x02", UNKNOWN_TYPE), 415)


def look_at_accept(visit: Visit) -> Finding:
    """What happens where the caller wants another type."""
    if visit.sample is None:
        return NO_SAMPLE
    seen, broken, ignored = [], False, False
    for accept in (CSV, UNKNOWN_TYPE, "*/*"):
        reply = visit.invoke(visit.sample.body, visit.sample.content_type, accept=accept)
        seen.append(f"{accept}: {reply.status} {reply.content_type}")
        broken = broken or reply.status >= 500 or (accept == "*/*" and reply.status != 200)
        ignored = ignored or (reply.status == 200 and accept not in ("*/*", reply.content_type))
    if broken:
        return failed("; ".join(seen))
    return warning("; ".join(seen)) if ignored else ok("; ".join(seen))


def look_at_bad_input(visit: Visit) -> Finding:
    """Requests that only the caller can mend."""
    bodies = {"an empty body": b"", "broken JSON": b'{"mark %s": ' % MARK.encode()}
    if visit.sample and visit.sample.row:
        row = visit.sample.row
        bodies["an unknown feature"] = json.dumps({**row, f"mark_{MARK}": 1}).encode()
        bodies["a missing feature"] = json.dumps(dict(list(row.items())[1:])).encode()
        if not visit.sample.takes_nan:
            bodies["NaN"] = json.dumps(dict.fromkeys(row, float("nan"))).encode()
    replies = {name: visit.invoke(body, JSON) for name, body in bodies.items()}
    worst = {name: reply for name, reply in replies.items() if reply.status >= 500}
    if worst:
        return failed("; ".join(f"{name}: {reply}" for name, reply in list(worst.items())[:2]))
    passed = [name for name, reply in replies.items() if reply.status < 400 and name != "an unknown feature"]
    if passed:
        return warning(f"{', '.join(passed)} was answered like a valid request")
    return ok(", ".join(f"{name} {reply.status}" for name, reply in replies.items()))


def look_at_unknown_path(visit: Visit) -> Finding:
    """A path that does not exist."""
    return _refused(visit.get("/headgate-doctor"), 404)


def look_at_wrong_method(visit: Visit) -> Finding:
    """GET /invocations and DELETE /ping."""
    replies = [visit.get(INVOCATIONS), ask(visit.server.port, request("DELETE", "/ping"), visit.limits.silence)]
    return min((_refused(reply, 405) for reply in replies), key=lambda finding: _WORST_FIRST.index(finding.verdict))


def _refused(reply: Reply, status: int) -> Finding:
    if reply.status >= 500:
        return failed(f"got {reply}")
    return ok(str(status)) if reply.status == status else warning(f"got {reply.status} instead of {status}")


def look_at_execution_parameters(visit: Visit) -> Finding:
    """What batch transform asks before it begins."""
    reply = visit.get("/execution-parameters")
    if reply.status in (404, 405):
        return ok(f"not offered ({reply.status}): batch transform uses its defaults")
    if reply.status != 200:
        return failed(f"got {reply}")
    try:
        document = json.loads(reply.body)
        transforms, megabytes = document["MaxConcurrentTransforms"], document["MaxPayloadInMB"]
        sound = (
            document["BatchStrategy"] in ("MULTI_RECORD", "SINGLE_RECORD") and transforms >= 1 and 0 <= megabytes <= 100
        )
    except (ValueError, KeyError, TypeError):
        sound = False
    seen = " ".join(reply.body[:200].decode(errors="replace").split())
    return ok(seen) if sound else failed(seen or "an empty body")


def look_at_metrics(visit: Visit) -> Finding:
    """Prometheus text, where there is any."""
    reply = visit.get("/metrics")
    if reply.status != 200:
        return ok(f"not offered ({reply.status})") if reply.status < 500 else failed(f"got {reply}")
    samples = [line for line in reply.body.decode(errors="replace").splitlines() if line and not line.startswith("#")]
    try:
        values = [float(line.rpartition("}")[2].split()[-1 if "}" in line else 1]) for line in samples]
    except (ValueError, IndexError):
        return failed("what it answers is not Prometheus text")
    return ok(f"{len(values)} samples") if values else warning("it answers without a single sample")


BAD_INPUT = "Catch what parsing and validation raise and answer 400 with the reason. 5xx is for failures of the server."

CHECKS: tuple[Check[Visit], ...] = (
    Check(
        "sample",
        "POST /invocations answers a valid request with 200 within 60 s",
        "SageMaker",
        "Send the same request with curl and read the server's log.",
        look_at_sample,
    ),
    Check("headers", "unknown headers are ignored", "SageMaker", "Read only the headers you need.", look_at_headers),
    Check(
        "answer-type",
        "the answer names its content type, and is of it",
        "SageMaker",
        "Set the Content-Type header of the answer: application/json for JSON.",
        look_at_answer_type,
    ),
    Check(
        "capture",
        "data capture can write JSON and CSV down as such; any other type, text/html too, becomes base64",
        "SageMaker",
        "Answer as application/json or text/csv, or list the type in CaptureContentTypeHeader.",
        look_at_capture,
    ),
    Check(
        "content-types",
        "JSON, CSV, JSON lines and NPY are read or refused with 415",
        "SageMaker",
        "Look at Content-Type before parsing, and answer 415 for what cannot be read.",
        look_at_content_types,
    ),
    Check(
        "content-type-unknown",
        "415 for a content type nobody knows",
        "HTTP",
        "Look at Content-Type before parsing, and answer 415 for what cannot be read.",
        look_at_unknown_type,
    ),
    Check(
        "accept",
        "the type in Accept is answered, or refused with a 4xx; */* gets the default",
        "SageMaker",
        "Read Accept and answer in that type, or with 406.",
        look_at_accept,
    ),
    Check("bad-input", "400 for what only the caller can mend, never a 5xx", "HTTP", BAD_INPUT, look_at_bad_input),
    Check("unknown-path", "404", "HTTP", "Answer 404 for paths that do not exist.", look_at_unknown_path),
    Check("wrong-method", "405", "HTTP", "Answer 405, with an Allow header.", look_at_wrong_method),
    Check(
        "execution-parameters",
        "optional; where it answers: MaxConcurrentTransforms >= 1, BatchStrategy, MaxPayloadInMB",
        "SageMaker",
        'Answer {"MaxConcurrentTransforms":8,"BatchStrategy":"MULTI_RECORD","MaxPayloadInMB":6}, or 404.',
        look_at_execution_parameters,
    ),
    Check("metrics", "optional; Prometheus text", "Headgate", "Answer text/plain; version=0.0.4.", look_at_metrics),
)
