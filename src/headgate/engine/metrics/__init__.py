"""Metrics as CloudWatch has them: a name, dimensions, and a few numbers for each second.

metric     what a metric is called, a span of time cut into periods, a statistic
observed   metrics of the endpoints, out of what the gateway saw
store      metrics that clients put, in a database of their own
"""
