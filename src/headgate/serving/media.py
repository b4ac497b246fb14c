"""Media types: what a body is, which character set it is in, and what the caller accepts in return.

Character sets are an allow-list: Python's codecs reach from zip to punycode, and none of those belongs in a request.
"""

from collections.abc import Mapping
from functools import lru_cache

from headgate.errors import InvalidInput, NotAcceptable, UnsupportedMedia

JSON = "application/json"
JSON_LINES = ("application/jsonlines", "application/x-ndjson")
CSV = "text/csv"
NPY = "application/x-npy"
PARQUET = ("application/x-parquet", "application/vnd.apache.parquet")

_CHARSETS = {
    "utf-8": "utf-8-sig",  # a byte order mark is welcome and ignored
    "utf8": "utf-8-sig",
    "us-ascii": "ascii",
    "ascii": "ascii",
    "iso-8859-1": "latin-1",
    "latin-1": "latin-1",
    "latin1": "latin-1",
    "iso-8859-15": "iso-8859-15",
    "windows-1252": "cp1252",
    "cp1252": "cp1252",
    "utf-16": "utf-16",
    "utf-16le": "utf-16-le",
    "utf-16be": "utf-16-be",
    "utf-32": "utf-32",
}


def parse_media_type(value: str) -> tuple[str, dict[str, str]]:
    """`text/csv; charset=utf-8` -> (`text/csv`, {charset: utf-8}); lower case, quotes removed."""
    media, *parameters = value.split(";")
    pairs = (parameter.partition("=") for parameter in parameters)
    return media.strip().lower(), {key.strip().lower(): text.strip(' "').lower() for key, _, text in pairs}


@lru_cache(64)  # callers send the same few again and again
def content_type_of(content_type: str | None) -> tuple[str, Mapping[str, str]]:
    """The media type of a request and its parameters; JSON where the caller named none."""
    media, parameters = parse_media_type(content_type or JSON)
    return media or JSON, parameters


def decode_text(body: bytes, parameters: Mapping[str, str]) -> str:
    """The text of `body` in its `charset` (UTF-8 by default). Raises UnsupportedMedia, InvalidInput."""
    charset = parameters.get("charset") or "utf-8"
    codec = _CHARSETS.get(charset)
    if codec is None:
        raise UnsupportedMedia(f"The charset {charset!r} is not supported.", hint="Send the body as UTF-8.")
    try:
        return body.decode(codec)
    except UnicodeDecodeError as error:
        raise InvalidInput(
            f"The body is not {charset}: byte {error.start} does not fit.", hint="Send UTF-8, or name the charset."
        ) from None


def choose_media(accept: str | None, offered: tuple[str, ...]) -> str:
    """The one of `offered` that the caller likes best; the first for `*/*` or no Accept at all.

    Raises NotAcceptable where nothing fits.
    """
    return choose_range(accept, offered)[0]


@lru_cache(64)
def choose_range(accept: str | None, offered: tuple[str, ...]) -> tuple[str, Mapping[str, str]]:
    """As `choose_media`, with the parameters of the media range that it was chosen by.

    As in RFC 9110 the most specific range that fits a media type gives its weight; equal weights go by their order.
    """
    ranges = [parse_media_type(item) for item in (accept or "*/*").split(",")]
    liked = []
    for place, media in enumerate(offered):
        for pattern in (media, f"{media.partition('/')[0]}/*", "*/*"):
            rank = next((n for n, (name, _) in enumerate(ranges) if name == pattern), None)
            if rank is not None:
                liked.append((-_weight(ranges[rank][1]), rank, place))
                break
    weight, rank, place = min(liked, default=(0.0, 0, 0))
    if not weight:
        raise NotAcceptable(
            f"Cannot answer as {(accept or '')[:100]!r}.",
            hint=f"Accept one of {', '.join(offered)}, or send no Accept header.",
        )
    return offered[place], ranges[rank][1]


def _weight(parameters: Mapping[str, str]) -> float:
    try:
        return max(0.0, min(1.0, float(parameters.get("q", "1"))))
    except ValueError:
        return 1.0
