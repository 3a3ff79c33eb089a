"""The proof that no fault makes a client lie: every operation of every exchange into every fault of the sandbox.

`expected.py` states how each call must end, `scenes.py` sets each call up, `cells.py` makes it and holds it against the
sandbox's own books, `matrix.py` makes all of them and prints the table. `make faults` runs the whole;
`tests/test_fault_matrix.py` a part of it.
"""
