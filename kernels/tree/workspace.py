"""Memory of a member that grows small trees."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..machine.jit import allocating_inner_kernel, inner_kernel
from .counted import Counting, new_counting
from .drawn import PLACE_MASK, Drawing, new_drawing
from .level import Scratch, new_scratch
from .scans import ScanMemory
from .sorted_lists import ID_MASK, PACKED_CLASSES, WHOLE_ID_MASK, SortMemory


class Stack(NamedTuple):
    """Nodes of a small tree still to be made, and the features that vary in those above them.

    frames : (n, 4) int64: start, stop, depth, the parent whose right child this is or -1
    totals : (n, size) int64
    keys : (n,) uint64
    active : (n_depths, n_features) int32; if features are drawn, one row as the node draws them
    n_active : (n_depths,) int64
    """

    frames: Any
    totals: Any
    keys: Any
    active: Any
    n_active: Any


class Workspace(NamedTuple):
    """Memory of one member that sorts every feature.

    lists : (n_features, most) uint32
    classes : (most,) int32, of the rows of a small node, by their ids
    goes_left : (most,) uint8, by ids
    spare : (most,) uint32
    sorting : SortMemory
    tops : (n_features,) float64, the best score of each feature of a node
    total : (size,) int64, statistics of the node at hand
    scan : ScanMemory; scratch : Scratch; stack : Stack
    """

    lists: Any
    classes: Any
    goes_left: Any
    spare: Any
    sorting: SortMemory
    tops: Any
    total: Any
    scan: ScanMemory
    scratch: Scratch
    stack: Stack


class DrawnWorkspace(NamedTuple):
    """Memory of one member whose nodes draw features.

    lists : (n_features, most) uint32, by slot, those of the node at hand
    rows : (most,) int32, of the node at hand
    drawing : Drawing; counting : Counting; the rest as :class:`Workspace` has it
    """

    lists: Any
    classes: Any
    rows: Any
    spare: Any
    sorting: SortMemory
    tops: Any
    total: Any
    scan: ScanMemory
    scratch: Scratch
    stack: Stack
    drawing: Drawing
    counting: Counting


@allocating_inner_kernel
def _new_sorting(table, most, id_mask):
    return SortMemory(
        np.empty(most, np.uint32), np.empty(most, table.values.dtype),
        np.empty(most, table.values.dtype), np.empty(512, np.uint32), id_mask,
    )  # fmt: skip


@allocating_inner_kernel
def _new_scan(scratch, most, id_mask):
    return ScanMemory(
        np.empty(most, np.int64), np.empty(most, np.int64), np.empty(most, np.int64),
        np.empty(most, np.float64), np.empty(most, np.int64), np.empty(most, np.int64),
        np.zeros(PACKED_CLASSES, np.int64), scratch.left, scratch.lacking, scratch.work, id_mask,
    )  # fmt: skip


@allocating_inner_kernel
def _new_stack(size, most, n_depths, n_features):
    return Stack(
        np.empty((most + 1, 4), np.int64), np.empty((most + 1, size), np.int64),
        np.empty(most + 1, np.uint64), np.empty((n_depths, n_features), np.int32),
        np.empty(most + 1, np.int64),
    )  # fmt: skip


@allocating_inner_kernel
def new_workspace(table, targets, most):
    """Return the memory of a member whose largest root has ``most`` rows."""
    d, size = table.codes.shape[1], targets.size
    scratch = new_scratch(size)
    id_mask = ID_MASK if targets.n_classes > 0 else WHOLE_ID_MASK
    return Workspace(
        np.empty((d, most), np.uint32), np.zeros(most, np.int32), np.empty(most, np.uint8),
        np.empty(most, np.uint32), _new_sorting(table, most, id_mask), np.empty(d, np.float64),
        np.empty(size, np.int64), _new_scan(scratch, most, id_mask), scratch,
        _new_stack(size, most, most + 1, d),
    )  # fmt: skip


@allocating_inner_kernel
def new_drawn_workspace(table, targets, most):
    """Return the memory of a member whose nodes draw features: see :func:`new_workspace`."""
    d, size = table.codes.shape[1], targets.size
    n_ids = max(table.ranks.shape[0], table.narrow_ranks.shape[0], most)
    scratch = new_scratch(size)
    return DrawnWorkspace(
        np.empty((d, most), np.uint32), np.zeros(most, np.int32), np.empty(most, np.int32),
        np.empty(most, np.uint32), _new_sorting(table, most, ID_MASK), np.empty(d, np.float64),
        np.empty(size, np.int64), _new_scan(scratch, most, PLACE_MASK), scratch,
        _new_stack(size, most, 1, d), new_drawing(table, most), new_counting(d, most, n_ids),
    )  # fmt: skip


@inner_kernel
def push(stack, place, frame, key, total, less):
    """Put a node on the stack: its statistics are ``total`` less ``less``."""
    start, stop, depth, parent = frame
    stack.frames[place, 0], stack.frames[place, 1] = start, stop
    stack.frames[place, 2], stack.frames[place, 3] = depth, parent
    stack.keys[place] = key
    for k in range(less.size):
        stack.totals[place, k] = total[k] - less[k]
