"""What the gateway saw: one line for each attempt at a model server, folded into figures by the second.

attempts   one line of the gateway's attempt log as a value
follower   reads the log as it grows, and keeps it small
tally      what one second holds of one variant
histogram  latencies in buckets
recorder   the open seconds, and the way of closed ones into the ledger
ledger     evidence.db: the closed seconds
units      each unit counted once, folded as time goes on
evidence   the questions, and the thread that reads
"""
