"""Traffic made on purpose: virtual users that ask an endpoint, and what they saw.

`terms`    what is asked of whom, how often and how long, within bounds
`target`   which addresses may be loaded at all                                 (pure)
`users`    the users themselves, on Locust, in a process of their own
`run`      starts that process, listens to it second by second, ends it
`watch`    what happened to the endpoint meanwhile
`result`   the sum: requests, failures by kind, percentiles                     (pure)
`plot`     latency over time as an SVG; `report` puts it into a page            (pure)
"""
