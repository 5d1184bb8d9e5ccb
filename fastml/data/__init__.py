"""Rows that need not be in memory, from arrays, files, tables and streams."""

from ._blocks import Blocks
from ._open import blocks
from ._table import Part as Part
from ._table import Table as Table
from ._table import as_blocks as as_blocks
from ._table import as_table as as_table
from ._table import is_blocks as is_blocks

__all__ = ["Blocks", "blocks"]
