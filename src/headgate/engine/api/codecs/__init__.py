"""How requests and answers are written: one codec for each wire protocol.

    aws_json   JSON 1.0 and 1.1
    query      forms in, XML out
    cbor       Smithy RPC v2

All of them speak of the same values: dictionaries with the members that the service model names, times as epoch
seconds. What is no such value is a SerializationException; whether it is a good one is `validation`'s to say.
"""
