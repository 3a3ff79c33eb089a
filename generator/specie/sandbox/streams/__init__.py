"""Streams: the same market as REST, told as it moves.

What an exchange says on a connection is said by its face, as plain data and without a socket (`sessions`). A hub keeps
the connections of one exchange and has them told what happened, in the market's order (`hub`); each has a way out of
its own, of a bounded length, on which faults befall its messages (`line`). Two carriers put that on the wire:
`websocket` and `socketio`. `gate` lets connections in, by the spec's signature and the exchange's rules, and keeps the
time that the markets go by. `callbacks` posts what an exchange tells to an address of its client.
"""
