"""The same predictor behind AWS Lambda: API Gateway, function URLs, direct invocations.

    entry  ->  handler  ->  door  ->  events, cors
    (load,     (predict)    (routes,  (front doors' shapes,
     once)                   errors)   browsers)

The function's handler is `headgate.serving.aws_lambda.entry.handler`. Loading happens when Lambda imports it, in the
init phase, and ends with one prediction: whoever calls first gets a warm model, and a package that cannot be served is
an init error with its reason.

    API Gateway REST (v1), HTTP (v2), function URL    POST to the path answers as /invocations of the model server does,
                                                      GET /ping says that the model is loaded, OPTIONS is CORS
    a rule or schedule of EventBridge, {"warmup": true}    answered at once, without a prediction
    anything else                                     a direct invocation: the event is the request, the result the
                                                      answer; an error is raised, so that the caller sees FunctionError
                                                      and Step Functions can catch it by its type

    HEADGATE_LAMBDA_PATH     /invocations; where POST is answered, such as /v1/predict-iris (/ping answers by itself
                             and beside it, as /v1/ping); * is any path
    HEADGATE_CORS_ORIGINS    origins, separated by commas, whose pages may call; none by default, and never *
    SAGEMAKER_BASE_DIR       the package is in <it>/model; without it in $LAMBDA_TASK_ROOT/model where there is such a
                             folder (a zip), else in /opt/ml/model (an image, or a layer)

and of the server's settings those that are not about sockets. Lambda bills and freezes between requests: what a server
does beside them, capture and a metrics endpoint, would be cut off in the middle, so there is none here. Each request
leaves one line in the log instead, with Lambda's request id and trace header; CloudWatch counts by it (`metrics`).

The door knows nothing of models: `hosting.front_door` stands behind it too, and passes requests on to an endpoint.
"""
