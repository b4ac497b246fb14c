"""The gateway: one Envoy for all endpoints, driven by files.

`values` what it is told; `render` Envoy's JSON from that, pure; `admin` Envoy's admin socket; `gateway` the ordered
moves (clusters before routes, routes before the removal of clusters), each verified by reading back.
"""
