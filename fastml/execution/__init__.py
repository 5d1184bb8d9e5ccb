"""Where fits run: in this process under a limit of memory, or on a cluster."""

from ._classes import NUMBERED_BYTES as NUMBERED_BYTES
from ._classes import Classes as Classes
from ._classes import NumberedPass as NumberedPass
from ._classes import class_totals as class_totals
from ._classes import find_classes as find_classes
from ._classes import numbers_of as numbers_of
from ._engine import Passes as Passes
from ._engine import current_engine as current_engine
from ._engine import engine
from ._engine import on_cluster as on_cluster
from ._engine import sum_over as sum_over
from ._engine import table_of as table_of
from ._estimators import FileRoom as FileRoom
from ._estimators import check_features as check_features
from ._estimators import in_chunks as in_chunks
from ._estimators import keep_in as keep_in
from ._estimators import map_blocks as map_blocks
from ._estimators import over_blocks as over_blocks
from ._estimators import room as room
from ._estimators import room_in as room_in
from ._estimators import set_features as set_features
from ._explain import Plan as Plan
from ._explain import explain as explain
from ._progress import PassReport
from ._progress import begin_log as begin_log
from ._progress import last_pass as last_pass

__all__ = ["PassReport", "engine"]
