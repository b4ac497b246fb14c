"""What a prediction costs: our model server beside those that people use, and beside the least that a machine can do.

    python -m benchmarks.serving [--install] [--only NAME ...] [--seconds N] [--rounds N] [--docs]

`model` trains and packages one XGBoost model as any project does, `texts` a small text model; `limit` makes C of the
same trees; `servers` says how each server is started and asked; `peers/` holds the peers' files, `install` their
environments. `running` starts one of them, `load` is another process that asks it and checks every answer,
`processes` reads what that cost from /proc, `measure` does it in turns; `results` keeps the figures, `page` and
`plots` write docs/speed.md's from those.

One server runs at a time, on one core where there are two; the load comes from the other. Each is started anew in each
round, so that a busy moment hits all of them alike and every figure is a median over the rounds. What counts are the
ratios within one run: the microseconds are those of the machine.
"""
