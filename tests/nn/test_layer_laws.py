"""What holds for every layer of the table."""

from __future__ import annotations

import inspect
import pickle
from dataclasses import FrozenInstanceError, fields

import numpy as np
import pytest
from nn.cases import CASES, example, started

import torchlean_nb as tl

EVERY = pytest.mark.parametrize("name", CASES)
PADDED = "embedding with padding"  # whose gradient is not the slope, on purpose
BATCH_NORMS = tl.nn.BatchNorm1d | tl.nn.BatchNorm2d | tl.nn.BatchNorm3d
LAYERS = {n: c for n, c in vars(tl.nn).items() if isinstance(c, type) and issubclass(c, tl.nn.Layer)}


def differs(name: str) -> bool:
    """Whether the layer computes something else in train mode."""
    parts = [part for _, part in CASES[name][0].walk()]
    tracked = any(getattr(p, "track_running_stats", False) for p in parts)
    return tracked or any(isinstance(p, BATCH_NORMS) or getattr(p, "p", 0) or getattr(p, "dropout", 0) for p in parts)


def test_every_layer_there_is_stands_in_the_table():
    seen = {type(part) for layer, _ in CASES.values() for _, part in layer.walk()}
    assert set(LAYERS.values()) - seen == {tl.nn.Layer}


@pytest.mark.parametrize("name", sorted(LAYERS))
def test_every_layer_says_what_it_is_and_names_its_arguments(name):
    text = inspect.getdoc(LAYERS[name])
    assert text and text.split("\n")[0].endswith(".")
    if "Parameters" in text and "other arguments" not in text:
        assert all(f.name in text for f in fields(LAYERS[name]) if f.name not in ("names", "layers"))


@EVERY
def test_declared_shapes_are_the_shapes_that_come_out(name):
    layer, shape = CASES[name]
    net = layer.bind(tl.Session(seed=3), seed=1)
    assert {p: v.shape for p, v in net.state_dict().items()} == layer.shapes()
    assert layer.out_shape(shape) == net(example(name)).shape == net.eval()(example(name)).shape


@EVERY
def test_a_seed_says_everything_about_the_initial_values(name):
    layer = CASES[name][0]
    a, b, c = layer.init(5), layer.init(tl.Rng(5)), layer.init(6)
    assert a.keys() == b.keys() and all((a[p] == b[p]).all() for p in a)
    random = [p for p in a if np.ptp(a[p])]
    assert all((a[p] != c[p]).any() for p in random)


@pytest.mark.parametrize(
    ("name", "mode"), [(n, m) for n in CASES for m in ("eval", "train") if n != PADDED and (m == "eval" or differs(n))]
)
def test_gradients_through_every_layer_are_right(name, mode):
    layer = CASES[name][0]
    params, buffers = started(layer)
    x = example(name)
    free = [] if x.dtype.kind == "i" else [x]

    def f(*args):
        own = dict(zip(params, args[len(free) :], strict=True))
        return layer.forward(args[0] if free else x, own, buffers, mode, tl.Rng(9).key)

    assert tl.check_gradients(f, (*free, *params.values()))


def test_a_padding_row_starts_as_zeros_and_gets_no_gradient():
    s = tl.Session()
    net = CASES[PADDED][0].bind(s)
    assert not net.params["weight"].value[-2].any()
    g = s.backward(net(np.array([5, 5, 1])).sum())[net.params["weight"]]
    assert g.sum(1).tolist() == [0, 3, 0, 0, 0, 0, 0]


@EVERY
def test_arrays_and_tensors_give_the_same_numbers(name):
    layer = CASES[name][0]
    s = tl.Session(seed=4)
    net = layer.bind(s, seed=2)
    for mode in ("train", "eval"):
        s.seed(4)
        recorded = net.train(mode == "train")(example(name)).value
        s.seed(4)
        split = [{p: c.value for p, c in cells.items()} for cells in (net.params, net.buffers)]
        assert (layer.forward(example(name), *split, mode, s.draw_key) == recorded).all()
        s.seed(4)
        nodes = len(s.tape)
        assert (net.predict(example(name)) == recorded).all() and len(s.tape) == nodes


@EVERY
def test_eval_mode_draws_nothing_and_moves_nothing(name):
    s = tl.Session(seed=4)
    net = CASES[name][0].bind(s, auto_buffers=True).eval()
    before = (s.rng.seed, s.rng.counter), net.state_dict()
    first, second = net(example(name)).value, net(example(name)).value
    net.update_buffers(example(name))
    assert (first == second).all() and (s.rng.seed, s.rng.counter) == before[0]
    assert all((v == before[1][p]).all() for p, v in net.state_dict().items())


@EVERY
def test_a_state_dict_comes_back_to_the_bit(name):
    layer = CASES[name][0]
    one, two = layer.bind(tl.Session(seed=1), seed=1), layer.bind(tl.Session(seed=1), seed=2)
    one.update_buffers(example(name))
    two.load_state_dict(one.state_dict())
    assert all(v.tobytes() == two.state_dict()[p].tobytes() for p, v in one.state_dict().items())
    assert (one.eval().predict(example(name)) == two.eval().predict(example(name))).all()


@EVERY
def test_a_state_dict_survives_the_way_through_pytorchs_form(name):
    net = CASES[name][0].bind(tl.Session(), seed=1)
    back = tl.nn.from_torch_state_dict(net, tl.nn.to_torch_state_dict(net))
    assert back.keys() == net.state_dict().keys()
    assert all((v == back[p]).all() for p, v in net.state_dict().items())


def test_no_text_of_a_layer_has_a_guard_that_a_stop_could_leave_up():
    assert [n for n, c in LAYERS.items() if hasattr(c.__repr__, "__wrapped__")] == []


@EVERY
def test_a_layer_is_a_value_equal_frozen_and_picklable(name):
    layer = CASES[name][0]
    _ = layer.arrays
    assert pickle.loads(pickle.dumps(layer)) == layer and hash(layer) == hash(pickle.loads(pickle.dumps(layer)))
    for f in fields(layer)[:1]:
        with pytest.raises(FrozenInstanceError):
            setattr(layer, f.name, 1)


@EVERY
@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_layers_keep_the_number_type_of_the_session(name, dtype):
    net = CASES[name][0].bind(tl.Session(dtype=dtype))
    x = example(name)
    assert net(x).dtype == net.eval()(x).dtype == net.predict(x).dtype == dtype


@EVERY
@pytest.mark.parametrize("mode", ["train", "eval"])
def test_no_layer_leans_on_implicit_broadcasting(name, mode):
    strict, free = (CASES[name][0].bind(tl.Session(strict_shapes=on)).train(mode == "train") for on in (True, False))
    assert (strict(example(name)).value == free(example(name)).value).all()


@EVERY
def test_every_node_knows_the_layer_that_made_it(name):
    layer = CASES[name][0]
    s = tl.Session()
    layer.bind(s)(example(name))
    scopes = {n.scope for n in s.tape.nodes if n.scope}
    assert bool(scopes) == bool(layer.parts)
    assert {scope.split(" ")[0] for scope in scopes} <= set(layer.parts)
