"""The gateway: one Envoy for all endpoints, driven by files.

`values`       what it is told
`bootstrap`    Envoy's own configuration: the listener and its limits       (pure)
`clusters`     the model servers, as Envoy's CDS file                       (pure)
`routes`       paths, splits, stickiness and retries, as Envoy's RDS file   (pure)
`answers`      every error that callers see, in SageMaker's runtime shapes  (pure)
`fallback`     another variant's servers for what one's own fail to answer (pure)
`attempt_log`  one line for each attempt at a model server                  (pure)
`admin`        Envoy's admin socket
`gateway`      the ordered moves (clusters before routes, routes before the removal of clusters), each verified by
               reading back
"""
