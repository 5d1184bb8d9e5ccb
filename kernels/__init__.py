"""Compiled kernels: serial, short, and free of scikit-learn.

Imports run one way::

    machine -> tile -> ops -> cluster, neural_network, ...

and no family imports another: what two need stands in ``ops``.

Every kernel takes a block of work, releases the interpreter lock and writes only
the outputs it was given (marked OUT, last in its signature).  Threads are composed
above, in :mod:`fastml.core.threads`.
"""
