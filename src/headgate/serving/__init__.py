"""The serving runtime: the same code in every container, local process and Lambda.

    __main__  ->  server  ->  app  ->  predictor  ->  backends
    (settings)   (sockets,   (HTTP)   (transport-     (onnx, code)
                  drain)               free)  |
                                              +->  media, codecs, validation

It ships everywhere, so it stays light: of Headgate it imports only `core` and `errors`, of others numpy, onnxruntime,
uvicorn, httptools and uvloop, and each of them only where it is needed.
"""
