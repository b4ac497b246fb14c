"""The serving runtime: the same code in every container, local process and Lambda.

    __main__  ->  workers  ->  server  ->  transport  ->  service  ->  predictor  ->  backends
    (settings)    (several     (load,      (native,       (HTTP,       (transport-    (onnx, xgboost,
                  on a port)   drain)      asgi)          errors)      free)           text, code)

    aws_lambda is another skin over the predictor; capture and metrics stand beside the service

It ships everywhere, so it stays light: of Headgate it imports only `core` and `errors`, of others numpy, onnxruntime,
msgspec, uvicorn, httptools and uvloop, and each of them only where it is needed.
"""
