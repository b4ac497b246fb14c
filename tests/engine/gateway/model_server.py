"""A model server of the tests: `python model_server.py NAME SOCKET`. It answers with what it saw.

The header `x-test` makes it misbehave: `status=500`, `sleep=1.5` (seconds), `size=100` (bytes of answer), `raw=ff`
(hexadecimal bytes of answer), `exit=1`, `us=7` (says that it took 7 microseconds), `reset=1`
(no answer), `cut=1` (half an answer). With the header `x-test-only` it does so only where that is its name.
"""

import asyncio
import json
import os
import sys

PLAIN = {"content-type": "application/json"}


async def answer(method: str, path: str, headers: dict[str, str], body: bytes) -> tuple[int, dict[str, str], bytes]:
    if path == "/ping":
        return 200, {}, b""
    name, _, value = headers.get("x-test", "").partition("=")
    if headers.get("x-test-only", sys.argv[1]) != sys.argv[1]:
        name = ""
    if name == "reset":
        raise ConnectionError
    if name == "sleep":
        await asyncio.sleep(float(value))
    if name == "exit":
        os._exit(1)
    if name == "status":
        return int(value), PLAIN, b'{"error": "no \\"such\\" row"}'
    if name == "size":
        return 500, PLAIN, b"x" * int(value)
    if name == "raw":
        return 500, PLAIN, bytes.fromhex(value)
    extra = {"x-headgate-model-us": value} if name == "us" else {}
    seen = {"server": sys.argv[1], "method": method, "path": path, "headers": headers, "bytes": len(body)}
    return 200, PLAIN | extra, json.dumps(seen).encode()


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while head := await reader.readuntil(b"\r\n\r\n"):
            first, *lines = head.decode("latin-1").rstrip().split("\r\n")
            method, path, _ = first.split(" ")
            headers = {k.lower(): v.strip() for k, v in (line.split(":", 1) for line in lines)}
            body = await reader.readexactly(int(headers.get("content-length", "0")))
            status, extra, content = await answer(method, path, headers, body)
            half = headers.get("x-test") == "cut=1"
            extra = {**extra, "content-length": str(len(content) * (1 + half))}
            fields = "".join(f"{name}: {value}\r\n" for name, value in extra.items())
            writer.write(f"HTTP/1.1 {status} X\r\n{fields}\r\n".encode() + content)
            await writer.drain()
            if half:
                break
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


async def main() -> None:
    server = await asyncio.start_unix_server(serve, sys.argv[2], backlog=1024, limit=2**20)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
