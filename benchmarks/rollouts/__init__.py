"""How often a rollout is rolled back for nothing, and how soon for something: simulated, beside the usual rules.

    python -m benchmarks.rollouts [--rollouts N] [--docs]

`traffic` and `latency` draw rollouts second by second, many at once, as numpy arrays of (rollouts, seconds); `fold` is
the judge's e-process over such arrays, held against `headgate.rollout.judge.Case` by a test to 1e-9; `rules` are the
rules that people use instead; `cells` says what is simulated; `results` makes figures of it; `page` and `plots` make
docs/judging.md's tables and pictures from those. Everything follows from one seed.
"""
