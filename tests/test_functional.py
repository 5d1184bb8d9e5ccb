"""Functions on arrays: the reference's results, any layout, and what they refuse."""

from __future__ import annotations

import re

import numpy as np
import pytest
from element_types import DTYPES
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse
from tolerances import assert_close

import fastml
from fastml import reference
from fastml.neural_network import _elementwise
from fastml.neural_network._architecture import ACTIVATIONS

#: Shapes whose rows take several steps of the backward pass, with either side along the lanes.
STEPS = [(700, 300, 130), (900, 700, 5)]


def layer(seed, n_samples, n_in, n_out, dtype):
    """Return X, W, b and delta with sums of products of size 1."""
    random = np.random.default_rng(seed)
    X = random.uniform(-1, 1, size=(n_samples, n_in))
    W = random.normal(size=(n_in, n_out)) / np.sqrt(n_in)
    b = random.normal(size=n_out)
    delta = random.normal(size=(n_samples, n_out)) / np.sqrt(n_samples * n_out)
    return tuple(array.astype(dtype) for array in (X, W, b, delta))


def assert_forward(X, W, b, activation, dtype):
    exact = [np.asarray(array, np.float64) for array in (X, W, b)]
    expected = reference.dense_forward(*exact, activation=activation)
    actual = fastml.dense_forward(X, W, b, activation=activation)
    assert actual.dtype == dtype
    assert_close("sum of products", actual, expected, dtype)


def assert_backward(X, W, delta, activation, dtype):
    exact = [np.asarray(array, np.float64) for array in (X, W, delta)]
    expected = reference.dense_backward(*exact, activation=activation)
    actual = fastml.dense_backward(X, W, delta, activation=activation)
    for part, exact_part in zip(actual, expected, strict=True):
        assert part.dtype == dtype
        assert_close("sum of products", part, exact_part, dtype)


# --- equivalence ------------------------------------------------------------------------


@pytest.mark.checked
@given(
    seed=st.integers(0, 2**32 - 1),
    n_samples=st.integers(1, 150),
    n_in=st.integers(1, 40),
    n_out=st.integers(1, 40),
    dtype=st.sampled_from(DTYPES),
    activation=st.sampled_from(list(ACTIVATIONS)),
)
def test_dense_layers_of_every_shape(seed, n_samples, n_in, n_out, dtype, activation):
    X, W, b, delta = layer(seed, n_samples, n_in, n_out, dtype)
    assert_forward(X, W, b, activation, dtype)
    assert_backward(X, W, delta, activation, dtype)


@pytest.mark.checked
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(3000, 17, 33), *STEPS, (1, 784, 10), (5000, 2, 1)])
def test_dense_layers_of_many_blocks(dtype, shape, shared_work):
    X, W, b, delta = layer(0, *shape, dtype)
    assert_forward(X, W, b, "logistic", dtype)
    assert_backward(X, W, delta, "relu", dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(2011, 37, 29), *STEPS])
def test_dense_layers_give_the_same_bits_for_any_number_of_threads(shape, dtype, shared_work):
    X, W, b, delta = layer(1, *shape, dtype)
    results = []
    for n in (1, 2, 3, 7, 64):
        with fastml.num_threads(n):
            forward = fastml.dense_forward(X, W, b)
            results.append([forward, *fastml.dense_backward(X, W, delta, activation="logistic")])
    for other in results[1:]:
        for part, first in zip(other, results[0], strict=True):
            np.testing.assert_array_equal(part, first)


@pytest.mark.parametrize("activation", ["logistic", "relu"])
def test_two_layers_against_central_differences(activation):
    """Gradients of a loss through dense_forward and dense_backward alone."""
    random = np.random.default_rng(3)
    X = random.normal(size=(23, 5))
    W1, b1 = random.normal(size=(5, 7)), random.normal(size=7)
    W2, b2 = random.normal(size=(7, 2)), random.normal(size=2)
    target = random.normal(size=(23, 2))

    def loss():
        a = fastml.dense_forward(X, W1, b1, activation=activation)
        z = fastml.dense_forward(a, W2, b2, activation="identity")
        return 0.5 * ((z - target) ** 2).sum() / len(X)

    a = fastml.dense_forward(X, W1, b1, activation=activation)
    z = fastml.dense_forward(a, W2, b2, activation="identity")
    delta, dW2, db2 = fastml.dense_backward(a, W2, (z - target) / len(X), activation=activation)
    dX, dW1, db1 = fastml.dense_backward(X, W1, delta)
    step = 1e-5
    for parameter, gradient in [(W1, dW1), (b1, db1), (W2, dW2), (b2, db2), (X, dX)]:
        assert gradient.shape == parameter.shape
        for index in np.ndindex(parameter.shape):
            before = parameter[index]
            parameter[index] = before + step
            rise = loss()
            parameter[index] = before - step
            fall = loss()
            parameter[index] = before
            slope = (rise - fall) / (2 * step)
            assert_close("central difference", gradient[index], slope, "float64")


@pytest.mark.parametrize("name", ["sigmoid", "sigmoid_derivative"])
def test_elementwise_over_any_layout_gives_the_same_numbers(name, shared_work):
    function = getattr(fastml, name)
    x = np.random.default_rng(4).normal(size=(60, 70, 20)) * 5
    expected = function(x)
    np.testing.assert_allclose(expected, getattr(reference, name)(x), rtol=1e-14)
    for other in (x[::-1], x[:, ::3], x.T, np.asfortranarray(x), x.astype(">f8")):
        plain = np.ascontiguousarray(other, dtype=np.float64)
        np.testing.assert_array_equal(function(other), function(plain))
    np.testing.assert_array_equal(function(x[0, 0].tolist()), expected[0, 0])
    for n in (1, 2, 3, 64):
        with fastml.num_threads(n):
            np.testing.assert_array_equal(function(x), expected)


def test_elementwise_shapes_and_types():
    assert fastml.sigmoid(0.0).shape == ()
    assert fastml.sigmoid(np.zeros((0, 3), np.float32)).shape == (0, 3)
    for given_type, result in [
        ("float32", "float32"),
        (">f4", "float32"),
        ("float64", "float64"),
        ("int8", "float64"),
        ("uint64", "float64"),
        ("bool", "float64"),
        ("longdouble", "float64"),
    ]:
        assert fastml.sigmoid(np.ones(3, given_type)).dtype == result
        assert fastml.sigmoid(np.ones(3, given_type)).dtype.isnative


@pytest.mark.parametrize("dtype", DTYPES)
def test_dense_layers_over_any_layout(dtype):
    X, W, b, delta = layer(5, 50, 12, 9, dtype)
    forward = fastml.dense_forward(X, W, b)
    backward = fastml.dense_backward(X, W, delta, activation="logistic")
    swapped = np.dtype(dtype).newbyteorder()
    apart = np.zeros((100, 36), dtype)
    apart[::2, ::3] = X
    for X2, W2, b2, delta2 in (
        (apart[::2, ::3], W, b, delta),
        (X[::-1].copy()[::-1], W, np.repeat(b, 2)[::2], delta[:, ::-1].copy()[:, ::-1]),
        (X, np.asfortranarray(W), b, delta),
        (X.astype(swapped), W.astype(swapped), b.astype(swapped), delta.astype(swapped)),
    ):
        np.testing.assert_array_equal(fastml.dense_forward(X2, W2, b2), forward)
        again = fastml.dense_backward(X2, W2, delta2, activation="logistic")
        for part, expected in zip(again, backward, strict=True):
            np.testing.assert_array_equal(part, expected)


def test_mixed_types_are_computed_in_float64():
    X, W, b, delta = layer(6, 20, 4, 3, "float32")
    assert_forward(X, W.astype("float64"), b, "logistic", "float64")
    assert_backward(X.astype("float64"), W, delta, "identity", "float64")
    assert_forward(np.arange(8).reshape(2, 4), W, b, "relu", "float64")
    labels, distances = fastml.nearest_centroid(X, W.T.astype("float64"), return_distance=True)
    assert distances.dtype == np.float64
    np.testing.assert_array_equal(labels, reference.nearest_centroid(X, W.T))


# --- out ----------------------------------------------------------------------------------


def calls_with_out():
    X, W, b, delta = layer(7, 30, 5, 6, "float64")
    centers = W.T.copy()
    return {
        "sigmoid": (lambda out: fastml.sigmoid(X, out), fastml.sigmoid(X)),
        "sigmoid_derivative": (
            lambda out: fastml.sigmoid_derivative(X, out),
            fastml.sigmoid_derivative(X),
        ),
        "dense_forward": (
            lambda out: fastml.dense_forward(X, W, b, out=out),
            fastml.dense_forward(X, W, b),
        ),
        "dense_backward": (
            lambda out: fastml.dense_backward(X, W, delta, out=out)[0],
            fastml.dense_backward(X, W, delta)[0],
        ),
        "nearest_centroid": (
            lambda out: fastml.nearest_centroid(X, centers, out=out),
            fastml.nearest_centroid(X, centers),
        ),
    }


@pytest.mark.parametrize("name", calls_with_out())
def test_out_is_written_and_returned(name):
    call, expected = calls_with_out()[name]
    out = np.zeros_like(expected)
    assert call(out) is out
    np.testing.assert_array_equal(out, expected)
    wide = np.full([2 * size + 1 for size in expected.shape], -7, expected.dtype)
    inner = wide[tuple(slice(1, None, 2) for _ in expected.shape)]
    assert call(inner) is inner
    np.testing.assert_array_equal(inner, expected)
    assert (wide == -7).sum() >= wide.size - inner.size
    inner[...] = -7
    assert (wide == -7).all()
    backwards = np.zeros_like(expected)[::-1]
    np.testing.assert_array_equal(call(backwards), expected)


@pytest.mark.parametrize("name", calls_with_out())
def test_wrong_out_is_refused_and_left_alone(name):
    call, expected = calls_with_out()[name]
    shape, dtype = expected.shape, expected.dtype
    other = {"float64": "float32", "int32": "int64"}[dtype.name]
    taller = np.full((shape[0] + 1, *shape[1:]), 7, dtype)
    with pytest.raises(ValueError, match=re.escape(f"expected {shape}")):
        call(taller)
    with pytest.raises(ValueError, match=re.escape(f"expected {shape}")):
        call(np.full(expected.size + 1, 7, dtype))
    typed = np.full(shape, 7, other)
    with pytest.raises(ValueError, match=f"expected {dtype}"):
        call(typed)
    with pytest.raises(ValueError, match=f"expected {dtype}"):
        call(np.full(shape, 7, dtype.newbyteorder()))
    read_only = np.full(shape, 7, dtype)
    read_only.flags.writeable = False
    with pytest.raises(ValueError, match="read-only"):
        call(read_only)
    with pytest.raises(TypeError):
        call(expected.tolist())
    for untouched in (taller, typed, read_only):
        assert (untouched == 7).all()


def test_sigmoid_in_place_and_overlapping():
    x = np.random.default_rng(8).normal(size=1000)
    expected = fastml.sigmoid(x)
    shared = x.copy()
    np.testing.assert_array_equal(fastml.sigmoid(shared, out=shared), expected)
    for source, target in [(slice(0, 990), slice(3, 993)), (slice(3, 993), slice(0, 990))]:
        shared = x.copy()
        fastml.sigmoid(shared[source], out=shared[target])
        np.testing.assert_array_equal(shared[target], expected[source])
    shared = x.copy()
    fastml.sigmoid(shared, out=shared[::-1])
    np.testing.assert_array_equal(shared[::-1], expected)


def test_dense_forward_into_its_own_arguments():
    # Square, so that the result fits each argument; several panels high, so that a later
    # panel would read what an earlier one has written.
    X, W, b, _ = layer(9, 150, 150, 150, "float64")
    expected = fastml.dense_forward(X, W, b)
    for k in range(2):
        arguments = [X.copy(), W.copy(), b]
        fastml.dense_forward(*arguments, out=arguments[k])
        np.testing.assert_array_equal(arguments[k], expected)
    both = np.concatenate([X, np.zeros((1, 150))])
    fastml.dense_forward(both[:-1], W, b, out=both[1:])
    np.testing.assert_array_equal(both[1:], expected)
    row = b.reshape(1, -1).copy()
    first = fastml.dense_forward(X[:1], W, b)
    np.testing.assert_array_equal(fastml.dense_forward(X[:1], W, row[0], out=row), first)


# --- what is refused --------------------------------------------------------------------------

GOOD = np.arange(12.0).reshape(4, 3)
VECTOR = np.arange(3.0)


def with_value(value):
    array = GOOD.copy()
    array[2, 1] = value
    return array


def matrix_calls():
    """Return for each matrix argument a call with that argument replaced."""
    W, b, delta = GOOD.T.copy(), np.arange(4.0), np.ones((4, 4))
    return {
        "dense_forward X": lambda X: fastml.dense_forward(X, W, b),
        "dense_forward W": lambda W: fastml.dense_forward(GOOD.T, W, VECTOR),
        "dense_backward X": lambda X: fastml.dense_backward(X, W, delta),
        "dense_backward W": lambda W: fastml.dense_backward(GOOD.T, W, np.ones((3, 3))),
        "dense_backward delta": lambda delta: fastml.dense_backward(GOOD, np.eye(3), delta),
        "nearest_centroid X": lambda X: fastml.nearest_centroid(X, GOOD),
        "nearest_centroid centers": lambda centers: fastml.nearest_centroid(GOOD, centers),
    }


@pytest.mark.parametrize("name", matrix_calls())
@pytest.mark.parametrize(
    ("argument", "error", "message"),
    [
        (with_value(np.nan), ValueError, "Input .*contains NaN"),
        (with_value(np.inf), ValueError, "Input .*contains infinity"),
        (with_value(-np.inf), ValueError, "Input .*contains infinity"),
        (GOOD.astype(complex), ValueError, "Complex data not supported"),
        (np.zeros((0, 3)), ValueError, "Found array with 0 sample"),
        (np.zeros((4, 0)), ValueError, "Found array with 0 feature"),
        (np.zeros(3), ValueError, "Expected 2D array, got 1D array instead"),
        (np.float64(1.0), ValueError, "Expected 2D array, got scalar array instead"),
        (np.zeros((2, 3, 4)), ValueError, "dim 3"),
        ([["a", "b", "c"]], ValueError, "could not convert string to float"),
        (sparse.csr_matrix(GOOD), TypeError, "[Ss]parse"),
    ],
)
def test_bad_matrices_are_refused_in_the_usual_words(name, argument, error, message):
    call = matrix_calls()[name]
    with pytest.raises(error, match=message):
        call(argument)


@pytest.mark.parametrize("dtype", DTYPES)
def test_not_finite_rows_are_found_wherever_they_are(dtype):
    """The nearest-centroid kernel itself looks for them: in any row, feature and block."""
    X = np.random.default_rng(10).normal(size=(9001, 5)).astype(dtype)
    centers = X[:7].copy()
    for row, feature in [(0, 0), (15, 4), (16, 2), (8191, 1), (8192, 3), (9000, 4)]:
        for value, word in [(np.nan, "NaN"), (np.inf, "infinity"), (-np.inf, "infinity")]:
            bad = X.copy()
            bad[row, feature] = value
            out = np.full(len(X), 7, np.int32)
            with pytest.raises(ValueError, match=word):
                fastml.nearest_centroid(bad, centers, out=out)
            assert (out == 7).all()


def test_shapes_that_do_not_match_are_refused():
    X, W, b, delta = layer(11, 6, 4, 3, "float64")
    with pytest.raises(ValueError, match="X has 3 features"):
        fastml.dense_forward(X[:, :3], W, b)
    with pytest.raises(ValueError, match="b has 2 elements"):
        fastml.dense_forward(X, W, b[:2])
    with pytest.raises(ValueError, match="Expected 1D array, got 2D array instead"):
        fastml.dense_forward(X, W, b[None])
    with pytest.raises(ValueError, match=r"Input .*contains NaN"):
        fastml.dense_forward(X, W, b * np.nan)
    with pytest.raises(ValueError, match="X has 3 features"):
        fastml.dense_backward(X[:, :3], W, delta)
    for wrong in (delta[:-1], delta[:, :-1]):
        with pytest.raises(ValueError, match=re.escape("expected (6, 3)")):
            fastml.dense_backward(X, W, wrong)
    message = re.escape("X.shape[1] == 4 while centers.shape[1] == 3")
    with pytest.raises(ValueError, match=message):
        fastml.nearest_centroid(X, np.zeros((2, 3)))


@pytest.mark.parametrize("name", ["", "sigmoid", "Logistic", None])
def test_unknown_activations_are_refused(name):
    X, W, b, delta = layer(12, 6, 4, 3, "float64")
    with pytest.raises(ValueError, match="Supported activations are"):
        fastml.dense_forward(X, W, b, activation=name)
    with pytest.raises(ValueError, match="Supported activations are"):
        fastml.dense_backward(X, W, delta, activation=name)


@pytest.mark.parametrize("name", ["sigmoid", "sigmoid_derivative"])
def test_elementwise_refuses_what_is_not_a_real_number(name):
    for x in (np.ones(3, complex), ["a"], [None], np.array(["2020"], "datetime64[Y]")):
        with pytest.raises(TypeError):
            getattr(fastml, name)(x)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("function", [fastml.sigmoid, fastml.sigmoid_derivative])
def test_results_written_past_the_caches_are_the_same_bits(dtype, function, monkeypatch):
    memory = np.random.default_rng(0).normal(size=70_000).astype(dtype)
    for first in (0, 1, 5, 16, 31):
        for size in (1, 15, 16, 17, 40, (1 << 15) - 1, 1 << 15, (1 << 15) + 19, 66_000):
            x = memory[first : first + size]
            expected = function(x)
            target = np.full(size + 64, 7, dtype)
            with monkeypatch.context() as patch:
                patch.setattr(_elementwise, "_PAST_CACHE", 0)
                function(x, out=target[first : first + size])
            np.testing.assert_array_equal(target[first : first + size], expected)
            assert (target[:first] == 7).all()
            assert (target[first + size :] == 7).all()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("function", [fastml.sigmoid, fastml.sigmoid_derivative])
@pytest.mark.parametrize("past_cache", [0, 1 << 62])
def test_arrays_not_aligned_to_their_items(dtype, function, past_cache, monkeypatch):
    monkeypatch.setattr(_elementwise, "_PAST_CACHE", past_cache)
    x = np.random.default_rng(0).normal(size=3001).astype(dtype)
    expected = function(x)
    for shift in (1, 2, 3):
        memory = np.zeros(x.nbytes + 16, np.uint8)
        odd = memory[shift : shift + x.nbytes].view(dtype)
        assert not odd.flags.aligned
        odd[...] = x
        np.testing.assert_array_equal(function(odd), expected)
        assert function(odd, out=odd) is odd
        np.testing.assert_array_equal(odd, expected)
        assert not memory[:shift].any()
        assert not memory[shift + x.nbytes :].any()


def test_dense_layers_of_arrays_not_aligned_to_their_items():
    arrays = layer(0, 40, 5, 3, "float64")
    odd = []
    for array in arrays:
        memory = np.zeros(array.nbytes + 1, np.uint8)[1:].view("float64").reshape(array.shape)
        memory[...] = array
        odd.append(memory)
    X, W, b, delta = arrays
    np.testing.assert_array_equal(
        fastml.dense_forward(*odd[:3], out=odd[3]), fastml.dense_forward(X, W, b)
    )
    odd[3][...] = delta
    found = fastml.dense_backward(odd[0], odd[1], odd[3])
    for array, expected in zip(found, fastml.dense_backward(X, W, delta), strict=True):
        np.testing.assert_array_equal(array, expected)


@pytest.mark.filterwarnings("ignore:the matrix subclass:PendingDeprecationWarning")
def test_a_matrix_as_output():
    X, W, b, _ = layer(0, 40, 5, 3, "float32")
    expected = fastml.dense_forward(X, W, b)
    out = np.asmatrix(np.zeros_like(expected))
    fastml.dense_forward(X, W, b, out=out)
    np.testing.assert_array_equal(out, expected)
    fastml.sigmoid(X, out=(out := np.asmatrix(np.zeros_like(X))))
    np.testing.assert_array_equal(out, fastml.sigmoid(X))
