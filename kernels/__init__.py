"""Compiled kernels: serial, short, and free of scikit-learn.

The folder is flat and reads bottom up::

    _host -> _jit -> tile, team -> pack, elementwise -> one file per operation

Every kernel takes a block of work, releases the interpreter lock and writes only
the outputs it was given (marked OUT, last in its signature).  Threads are composed
above, in :mod:`fastml._threads`.
"""
