"""How HTTP reaches the service: `native` is ours and fast, `asgi` runs under uvicorn and is what it is held to."""
