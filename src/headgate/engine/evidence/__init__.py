"""What the gateway saw: one line for each attempt at a model server, folded into figures by the second.

attempts   one line of the gateway's attempt log as a value
"""
