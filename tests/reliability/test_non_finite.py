"""An inf or NaN anywhere, in a value, a gradient, an element: refused where it was made, and nothing has moved."""

import numpy as np
import pytest

import torchlean_nb as tl
from torchlean_nb import errors

BAD = (np.nan, np.inf, -np.inf)
RULES = [name for name, r in tl.optim.rules.items() if r.builtin and not r.needs]


def poisoned(bad, at, forward):
    """An identity that lets one element of its value, or of its gradient, go bad."""
    def spoil(xp, a):
        mask = np.zeros(a.shape, bool)
        mask.flat[at] = True
        return xp.where(xp.asarray(mask), bad, a)

    make = tl.extend.general(name=f"poison_{forward}", vjps=(lambda xp, g, y, x: g if forward else spoil(xp, g),),
                             shape=lambda s: s, latex="#1")  # fmt: skip
    return make(lambda xp, x: spoil(xp, x) if forward else x)


@pytest.fixture(autouse=True)
def clean():
    yield
    for name in [n for n in tl.ops if n.startswith("poison_")]:
        del tl.ops[name]


def network(s, place, poison):
    """A small network with the poison between two of its nodes."""
    w, v = s.param(np.linspace(-1, 1, 6).reshape(2, 3), name="w"), s.param(np.ones(3), name="v")
    steps = (lambda h: h @ w, tl.tanh, lambda h: h * v, tl.sigmoid, lambda h: h.sum(axis=1), lambda h: (h * h).mean())
    h = s.input(np.arange(8.0).reshape(4, 2) / 8, name="x", requires_grad=True)
    for k, step in enumerate(steps):
        h = step(poison(h) if k == place else h)
    return w, v, h


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("place", range(6))
def test_a_value_that_goes_bad_is_refused_at_the_op_that_made_it(place, bad):
    for at in (0, -1):
        s, before, op = tl.Session(), [], poisoned(bad, at, True)

        def poison(h, op=op, s=s, before=before):
            before.append(s.digest())
            return op(h)

        with pytest.raises(errors.NonFiniteError, match="poison_True"):
            network(s, place, poison)
        assert [s.digest()] == before


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("place", range(6))
def test_a_gradient_that_goes_bad_is_refused_with_the_rule_that_made_it(place, bad):
    for at in (0, -1):
        s = tl.Session()
        _, _, loss = network(s, place, poisoned(bad, at, False))
        before = s.digest()
        with pytest.raises(errors.NonFiniteError, match="rule of poison_False"):
            s.backward(loss)
        assert s.digest() == before


@pytest.mark.parametrize("name", RULES)
def test_no_rule_steps_on_a_gradient_with_a_bad_element(name):
    try:
        opt = tl.optim.class_of(name)({"a": np.ones((2, 2)), "b": np.full((3, 2), 0.5)})
        opt.step([np.full((2, 2), 0.1), np.full((3, 2), -0.2)])
    except errors.TorchLeanError as e:
        pytest.skip(f"needs options: {str(e).splitlines()[0]}")
    want = [v.tobytes() for v in opt.params.values()], repr(opt.state_dict())
    for i, shape in enumerate(((2, 2), (3, 2))):
        for at in range(4 + 2 * i):
            for bad in BAD[: 3 if at == 0 else 1]:
                grads = [np.full((2, 2), 0.1), np.full((3, 2), -0.2)]
                grads[i].flat[at] = bad
                with pytest.raises(errors.NonFiniteError):
                    opt.step(grads)
                assert ([v.tobytes() for v in opt.params.values()], repr(opt.state_dict())) == want, shape
