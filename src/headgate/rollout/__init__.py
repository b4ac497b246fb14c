"""How a rollout decides. Pure: values in, values out; no network, clock or file.

`plan` the steps, settled beforehand; `from_spec` what headgate.yaml asks for; `eprocess` the statistic that may be
looked at as often as one likes; `judge` the four verdicts from evidence.
"""
