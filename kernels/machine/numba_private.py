"""Every name of Numba and llvmlite that they do not promise to keep, each with its reason.

Nothing outside this file uses one.  :func:`check` looks for all of them; where one is missing
or has changed, :mod:`.jit` compiles with plain ``numba.njit`` instead, and ``fastml doctor``
says so.  What is imported at the top of other files (``numba.core.types``, ``cgutils``,
``numba.extending``, ``llvmlite.ir``) is what extensions of Numba are told to use.
"""

from __future__ import annotations

import gc
import hashlib
import inspect
import pickle
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

# serialize.dumps: pickles what compiled functions refer to, which pickle alone cannot.
# global_compiler_lock: held while the kind of library is changed for one compilation.
# rtsys: what kernels that make arrays call, there before their code is loaded.
from numba.core import (
    caching,
    codegen,
    compiler,
    compiler_machinery,
    dispatcher,
    ir,
    serialize,
    typed_passes,
    types,
    untyped_passes,
)
from numba.core.compiler_lock import global_compiler_lock
from numba.core.runtime import rtsys

from . import notice
from .identity import identity
from .store import KERNELS, Store, cache_directory

#: New objects after which garbage is looked for, while compiling: Python's own number is 700 or so.
_OBJECTS = 50_000
#: Passes of Numba's compiler for what no kernel has: ``with``, comprehensions, closures, calls that
#: Numba inlines itself, loops over tuples of several types, arithmetic on whole arrays.
_UNTYPED = ("WithLifting", "InlineClosureLikes", "InlineInlinables", "LiteralUnroll")
_TYPED = ("InlineOverloads", "NopythonRewrites")
#: Types of the arguments of which an operation is looked up once.
_NUMBERS = (types.Number, types.Boolean)
#: What was found.
_FOUND: dict[Any, Any] = {}
#: Attributes used here, of what, and why.
_USED: list[tuple[Any, str, str]] = [
    (caching.CompileResultCacheImpl, "reduce", "takes a compiled function apart for pickling"),
    (caching.CompileResultCacheImpl, "rebuild", "puts it together"),
    (caching.FunctionCache, "_index_key", "replaced: the key of a signature on a processor"),
    (codegen.JITCPUCodegen, "magic_tuple", "processor and features, in a key"),
    (caching.FunctionCache, "_load_overload", "replaced: looks into our store"),
    (caching.FunctionCache, "_save_overload", "replaced: saves to our store"),
    (caching.FunctionCache, "load_overload", "replaced: nothing but the code is loaded"),
    (caching.FunctionCache, "_guard_against_spurious_io_errors", "around it, as Numba has it"),
    (type(rtsys), "initialize", "called by the replacement"),
    (caching.FunctionCache, "save_overload", "called by the dispatcher; calls the former"),
    (caching.FunctionCache, "enable", "switches a cache on"),
    (codegen.CPUCodeLibrary, "_optimize_functions", "replaced: leaves declarations alone"),
    (codegen.CPUCodeLibrary, "_optimize_final_module", "replaced: optimises once, or never"),
    (codegen.JITCodeLibrary, "_finalize_final_module", "replaced: makes no machine code"),
    (codegen.JITCodeLibrary, "_finalize_dynamic_globals", "called by the replacement"),
    (codegen.JITCodeLibrary, "_verify_declare_only_symbols", "called by the replacement"),
    (codegen.JITCodeLibrary, "get_pointer_to_function", "replaced: there is no machine code"),
    (codegen.JITCodeLibrary, "serialize_using_object_code", "replaced: there is no machine code"),
    (codegen.JITCodeLibrary, "serialize_using_bitcode", "what is kept instead"),
    (codegen.JITCodeLibrary, "has_dynamic_globals", "such code cannot be kept"),
    (codegen.JITCPUCodegen, "_library_class", "replaced for one compilation"),
    (codegen.JITCPUCodegen, "set_env", "replaced for one compilation"),
    (codegen.JITCPUCodegen, "_function_pass_manager", "the optimisation of a function"),
    (codegen.JITCPUCodegen, "_module_pass_manager", "the full optimisation"),
    (compiler.CompilerBase, "define_pipelines", "replaced: fewer passes"),
    (compiler.DefaultPassBuilder, "define_nopython_pipeline", "the passes to choose from"),
    (compiler_machinery, "FunctionPass", "what a pass of our own is made from"),
    (compiler_machinery, "register_pass", "makes it known"),
    (untyped_passes, "IRProcessing", "the pass it comes before"),
    (ir, "Return", "where kernels are made to call a function"),
    (ir.Expr, "call", "the call"),
    (ir.Scope, "redefine", "a name for its result"),
    (ir.Scope, "get_exact", "its argument"),
    (compiler_machinery.PassManager, "add_pass", "called by the replacement"),
    (compiler_machinery.PassManager, "finalize", "called by the replacement"),
    *((untyped_passes, name, "left out") for name in _UNTYPED),
    *((typed_passes, name, "left out") for name in _TYPED),
    (compiler.CompileResult, "_reduce", "what the cache pickles"),
    (compiler.CompileResult, "_rebuild", "and makes of it"),
    (dispatcher.Dispatcher, "compile", "wrapped: chooses the kind of library"),
    (dispatcher.Dispatcher, "_compile_for_args", "wrapped: what Python's first call compiles by"),
    (dispatcher.Dispatcher, "get_call_template", "wrapped: one version for all constants"),
    (types.Function, "get_call_type", "replaced for one compilation"),
    (types, "unliteral", "the type of a constant without its value"),
    (serialize, "dumps", "pickles code that refers to modules"),
]
#: Attributes that constructors set, and the constructors.
_SET: list[tuple[str, Any]] = [
    ("_codegen", codegen.CodeLibrary.__init__),
    ("_data_layout", codegen.CPUCodegen.__init__),
    ("_recorded_timings", codegen.CodeLibrary.__init__),
    ("_final_module", codegen.CPUCodeLibrary.__init__),
    ("_cache", dispatcher.Dispatcher.__init__),
    ("targetctx", dispatcher.Dispatcher.__init__),
    ("_py_func", caching.FunctionCache.__init__),
    ("_impl", caching.FunctionCache.__init__),
    ("_cache_path", caching.FunctionCache.__init__),
    ("_cache_file", caching.FunctionCache.__init__),
    ("_enabled", caching.FunctionCache.enable),
]
#: Parameters of what is replaced or wrapped here.
_PARAMETERS: list[tuple[Any, list[str]]] = [
    (caching.FunctionCache.load_overload, ["self", "sig", "target_context"]),
    (caching.FunctionCache._load_overload, ["self", "sig", "target_context"]),
    (type(rtsys).initialize, ["self", "ctx"]),
    (caching.FunctionCache._save_overload, ["self", "sig", "data"]),
    (caching.FunctionCache._index_key, ["self", "sig", "codegen"]),
    (codegen.CPUCodeLibrary._optimize_functions, ["self", "ll_module"]),
    (codegen.CPUCodeLibrary._optimize_final_module, ["self"]),
    (codegen.JITCodeLibrary._finalize_final_module, ["self"]),
    (codegen.JITCPUCodegen.set_env, ["self", "env_name", "env"]),
    (dispatcher.Dispatcher.compile, ["self", "sig"]),
    (dispatcher.Dispatcher.get_call_template, ["self", "args", "kws"]),
    (types.Function.get_call_type, ["self", "context", "args", "kws"]),
]


def check() -> None:
    """Raise AttributeError for the first name that is missing or has changed."""
    for owner, name, _ in _USED:
        if not hasattr(owner, name):
            raise AttributeError(f"{owner.__name__} has no {name}")
    for name, constructor in _SET:
        if name not in constructor.__code__.co_names:
            raise AttributeError(f"{constructor.__qualname__} does not set {name}")
    for function, names in _PARAMETERS:
        if list(inspect.signature(function).parameters) != names:
            raise AttributeError(f"the parameters of {function.__qualname__} have changed")


#: The kernels that take the state of a team.
_OF_A_TEAM: set[Callable[..., Any]] = set()


@compiler_machinery.register_pass(mutates_CFG=False, analysis_only=False)
class _EndsCall(compiler_machinery.FunctionPass):  # type: ignore[misc]
    """Have a kernel of a team call ``team.end_call`` before it returns."""

    _name = "fastml_ends_call"

    def __init__(self) -> None:
        compiler_machinery.FunctionPass.__init__(self)

    def run_pass(self, state: Any) -> bool:
        """Change the function; say whether it was."""
        if state.func_ir.func_id.func not in _OF_A_TEAM:
            return False
        from .team import end_call

        for block in state.func_ir.blocks.values():
            if not isinstance(block.terminator, ir.Return):
                continue
            scope, loc = block.scope, block.loc
            called = scope.redefine("$end_call", loc)
            result = scope.redefine("$end_call_result", loc)
            counters = scope.get_exact("state")
            block.body[-1:-1] = [
                ir.Assign(ir.Global("end_call", end_call, loc), called, loc),
                ir.Assign(ir.Expr.call(called, (counters,), (), loc), result, loc),
            ]
        return True


class _Compiler(compiler.CompilerBase):  # type: ignore[misc]
    """Numba's compiler without passes that find nothing in a kernel, only search it."""

    def define_pipelines(self) -> list[Any]:
        passes = compiler_machinery.PassManager("kernel")
        usual = compiler.DefaultPassBuilder.define_nopython_pipeline(self.state)
        for one, purpose in usual.passes:
            if one.__name__ == "IRProcessing":
                passes.add_pass(_EndsCall, "the call of a team ends in its kernel")
            if one.__name__ not in _UNTYPED + _TYPED:
                passes.add_pass(one, purpose)
        passes.finalize()
        return [passes]


class _Implementation(caching.CompileResultCacheImpl):  # type: ignore[misc]
    """Numba's way to take a compiled function apart, without its choice of a folder."""

    def __init__(self) -> None:
        pass

    def check_cachable(self, result: Any) -> bool:
        return not (result.lifted or result.library.has_dynamic_globals)


class KernelCache(caching.FunctionCache):  # type: ignore[misc]
    """Numba's function cache over :class:`.store.Store`."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._name = repr(function)
        self._py_func = function
        self._impl = _Implementation()
        directory = cache_directory()
        self._cache_path = str(directory or "")
        name = f"{function.__module__.rpartition('.')[2]}.{function.__name__}"
        source = Path(function.__code__.co_filename).resolve()
        if KERNELS not in source.parents:
            # A kernel written elsewhere: its own file counts too, where there is one.
            try:
                name += "-" + hashlib.sha256(source.read_bytes()).hexdigest()[:12]
            except OSError:
                directory = None
        self._cache_file = Store(directory, name)
        self.enable()

    def _index_key(self, signature: object, codegen: Any) -> object:
        """Return the same key in every process.

        Numba's own has a number of the process in it where a kernel encloses another.
        """
        return signature, codegen.magic_tuple(), identity(self._py_func)

    def load_overload(self, signature: object, target_context: Any) -> Any:
        """Load the code of a signature without what only compiling needs.

        Numba's own first loads all it can compile, which takes longer than the code.
        """
        rtsys.initialize(target_context)
        with self._guard_against_spurious_io_errors():
            return self._load_overload(signature, target_context)

    def _load_overload(self, signature: object, target_context: Any) -> Any:
        if not self._enabled:
            return None
        payload = self._cache_file.load(self._index_key(signature, target_context.codegen()))
        try:
            if payload is not None:
                return self._impl.rebuild(target_context, pickle.loads(payload))
        except Exception:  # unreadable in any way: compile again
            pass
        notice.begin(self._py_func.__name__)
        return None

    def _save_overload(self, signature: object, data: Any) -> None:
        notice.end()
        if self._enabled and self._impl.check_cachable(data):
            key = self._index_key(signature, data.codegen)
            self._cache_file.save(key, serialize.dumps(self._impl.reduce(data)))


class _KernelLibrary(codegen.JITCodeLibrary):  # type: ignore[misc]
    """What libraries of kernels share."""

    def _optimize_functions(self, ll_module: Any) -> None:
        """Optimise what a module defines.

        Numba sets up its passes for what is only declared, too: nine functions of ten.
        """
        ll_module.data_layout = self._codegen._data_layout
        for function in ll_module.functions:
            if not function.is_declaration:
                passes, builder = self._codegen._function_pass_manager()
                passes.run(function, builder)


class Library(_KernelLibrary):
    """The code of a kernel, optimised once.

    Numba optimises twice, the first time to bring reference counts together, of which kernels
    have few or none.
    """

    def _optimize_final_module(self) -> None:
        passes, builder = self._codegen._module_pass_manager()
        with self._recorded_timings.record("Module passes (full optimization)", builder):
            passes.run(self._final_module, builder)


class InlinedLibrary(_KernelLibrary):
    """Code that only becomes part of its callers: kept as LLVM's, never made machine code.

    Otherwise it would be optimised and translated by itself, and then once more in each kernel
    it becomes part of.
    """

    def _optimize_final_module(self) -> None:
        """Leave it to the callers."""

    def _finalize_final_module(self) -> None:
        self._finalize_dynamic_globals()
        self._verify_declare_only_symbols()
        self._finalized = True

    def get_pointer_to_function(self, name: str) -> int:
        return 0

    def serialize_using_object_code(self) -> Any:
        return self.serialize_using_bitcode()


@contextmanager
def _libraries(generator: Any, library: type) -> Iterator[None]:
    """Have Numba keep what it compiles here, and in this thread, in libraries of this kind."""
    chosen: dict[str, Any] = {"_library_class": library}
    if library is InlinedLibrary:
        chosen["set_env"] = lambda name, env: None  # a global variable of machine code
    with global_compiler_lock:
        # A kernel may be met while another is compiled that is kept in another way.
        names = ("_library_class", "set_env")
        before = {name: vars(generator).pop(name) for name in names if name in vars(generator)}
        vars(generator).update(chosen)
        try:
            yield
        finally:
            for name in names:
                vars(generator).pop(name, None)
            vars(generator).update(before)


@contextmanager
def _seldom_collected() -> Iterator[None]:
    """Look for garbage a seventieth as often: most of what compiling makes lives until its end.

    A tenth of the time otherwise.  Called under Numba's lock, so that two threads do not give
    back each other's choice.
    """
    before = gc.get_threshold()
    if not 0 < before[0] < _OBJECTS:  # switched off, or a kernel that another one calls
        yield
        return
    gc.set_threshold(_OBJECTS, *before[1:])
    try:
        yield
    finally:
        if gc.get_threshold()[0] == _OBJECTS:
            gc.set_threshold(*before)


@contextmanager
def _resolved_once() -> Iterator[None]:
    """Have Numba look up once which ``+`` adds numbers of two types.

    It tries all there are for every ``+``, at every round of type inference: a twentieth of the
    time.  A function is another one once somebody registers more for it.  Called under Numba's
    lock.
    """
    if "get_call_type" in vars(types.Function):  # a kernel that another one calls
        yield
        return
    look_up = types.Function.get_call_type

    def get_call_type(self: Any, context: Any, args: Any, kws: Any) -> Any:
        if kws or not all(isinstance(one, _NUMBERS) for one in args):
            return look_up(self, context, args, kws)
        key = context, self, args
        if key not in _FOUND:
            _FOUND[key] = look_up(self, context, args, kws)
        return _FOUND[key]

    types.Function.get_call_type = get_call_type
    try:
        yield
    finally:
        del types.Function.get_call_type


def _apart(compile_: Callable[..., Any], arguments: Any, keywords: Any) -> Any:
    """Compile in a thread of its own if an interrupt could strike here: in the main thread.

    Numba is not made to be interrupted: its registries stay half filled, and everything compiled
    later in the process fails.  So the caller leaves at once, and what was begun is finished;
    who calls next finds it, or waits for it.
    """
    if threading.current_thread() is not threading.main_thread():
        return compile_(*arguments, **keywords)
    results: list[Any] = []
    errors: list[BaseException] = []
    finished = threading.Event()

    def run() -> None:
        try:
            results.append(compile_(*arguments, **keywords))
        except BaseException as error:
            errors.append(error)
        finally:
            finished.set()

    try:
        threading.Thread(target=run, name="fastml compiles").start()
    except RuntimeError:  # there are no more threads
        return compile_(*arguments, **keywords)
    finished.wait()
    if errors:
        try:
            raise errors.pop()
        finally:
            del run, arguments  # names in a frame of the traceback: arrays would stay
    return results.pop()


def adapt(compiled: Any, function: Callable[..., Any], *, inner: bool) -> Any:
    """Have a function of ``numba.njit`` compile by the policy and keep its code in our store."""
    compiled._cache = KernelCache(function)
    takes_state = "state" in inspect.signature(function).parameters
    if takes_state and not inner and not function.__module__.endswith(".team"):
        _OF_A_TEAM.add(function)
    compile_, template = compiled.compile, compiled.get_call_template
    compile_for_arguments = compiled._compile_for_args
    library = InlinedLibrary if inner else Library

    def compile_into_library(signature: Any) -> Any:
        generator = compiled.targetctx.codegen()
        with _libraries(generator, library), _seldom_collected(), _resolved_once():
            return compile_(signature)

    def template_of_types(arguments: Any, keywords: Any) -> Any:
        """Look for a specialisation by types alone: Numba makes one for every constant, too."""
        keywords = {name: types.unliteral(kind) for name, kind in keywords.items()}
        return template(tuple(map(types.unliteral, arguments)), keywords)

    compiled.compile = compile_into_library
    compiled._compile_for_args = lambda *arguments, **keywords: _apart(
        compile_for_arguments, arguments, keywords
    )
    compiled.get_call_template = template_of_types
    return compiled


#: Options of ``njit`` that leave out what kernels do not need: no promise of Numba's either.
OPTIONS = {"no_cfunc_wrapper": True, "pipeline_class": _Compiler}
WITHOUT_MEMORY = {"_nrt": False}
WITHOUT_WRAPPER = {"no_cpython_wrapper": True}
