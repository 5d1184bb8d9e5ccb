"""Rows that need not be in memory, from arrays, files, tables and streams."""

from ._blocks import Blocks
from ._cache import mapped as mapped
from ._open import blocks
from ._sparse import SparseRows as SparseRows
from ._sparse import array_if_few as array_if_few
from ._sparse import sparse_samples as sparse_samples
from ._table import Part as Part
from ._table import Table as Table
from ._table import as_blocks as as_blocks
from ._table import as_table as as_table
from ._table import is_blocks as is_blocks

__all__ = ["Blocks", "blocks"]
