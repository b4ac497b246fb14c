"""The engine: a SageMaker-compatible host on one machine.

    control API (api)  ->  SQLite (state)  ->  reconciler  ->  model servers (instances) + gateway (Envoy)

* The API validates a request, writes what is wanted into `engine.db` in one transaction, and wakes the reconciler. It
  touches no process.
* The reconciler is level-triggered: it compares what is wanted with what runs, and takes the next step. Each step is
  recorded, so that whoever is killed, the next engine goes on from there. One order for every change: start, wait
  healthy, swap, verify, save, drain, dispose.
* A fleet (`fleet.Fleet`) is a private copy of an endpoint config and its models. Deleting a config or a model does
  not touch an endpoint that runs it.
* SQLite is the truth; the gateway's files are rendered from it. Model servers and the gateway outlive the engine and
  are adopted by the next one (pid and start time). The supervisor restarts engine, gateway and runner.
* The gateway logs each attempt at a model server; `evidence` folds them by the second, and the API tells them as
  CloudWatch's metrics.
"""
