"""How a rollout decides. Pure: values in, values out; no network, clock or file.

`eprocess` the statistic that may be looked at as often as one likes; `judge` the four verdicts from evidence.
"""
