"""Objects go into a file and take up what was in it, all of them or none."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys

import numpy as np
import pytest

import torchlean_nb as tl
from tests._stop import Stop
from torchlean_nb.errors import CheckpointError, NonFiniteError, SerializationError
from torchlean_nb.saving import Checkpoint


class World:
    """A small loop by hand: everything that a run is made of."""

    def __init__(self, seed=0, optimizer=tl.optim.Adam, dtype="float64", width=4):
        self.session = s = tl.Session(seed=seed, dtype=dtype)
        self.net = tl.nn.Sequential(
            tl.nn.Linear(2, width), tl.nn.Tanh(), tl.nn.Dropout(0.5), tl.nn.Linear(width, 1)
        ).bind(s, seed=seed)
        self.optimizer = optimizer(self.net.parameters(), lr=0.05)
        self.scheduler = tl.optim.lr_scheduler.CosineAnnealingLR(self.optimizer, 20)
        x = np.random.default_rng(0).normal(size=(11, 2))
        self.loader = tl.data.DataLoader(tl.data.Dataset(x, x[:, :1] * x[:, 1:]), 4, seed=seed)
        self.numbers = np.random.default_rng(seed)

    def step(self):
        x, y = self.loader.next_batch()
        noisy = x + self.numbers.normal(size=x.shape) * 0.01
        loss = self.session.step(self.optimizer, lambda: tl.mse_loss(self.net(noisy), y)).loss
        self.scheduler.step()
        return loss

    def train(self, n):
        return [self.step() for _ in range(n)]

    @property
    def parts(self):
        return {"session": self.session, "optimizer": self.optimizer, "scheduler": self.scheduler,
                "loader": self.loader, "numbers": self.numbers}  # fmt: skip

    def digest(self, path):
        tl.save(path, self.parts)
        raw = path.read_bytes()
        path.unlink()
        return raw


def test_a_loop_goes_on_as_if_nothing_had_happened(tmp_path):
    a, b = World(), World(seed=5)
    b.loader = tl.data.DataLoader(b.loader.dataset, 4, seed=0)
    a.train(7)
    tl.save(tmp_path / "run.tl", {**a.parts, "epoch": 3, "note": "seven"})
    expected = a.train(9)
    found = tl.load(tmp_path / "run.tl", into=b.parts)
    assert b.train(9) == expected
    assert (found["epoch"], found["note"]) == (3, "seven")
    assert a.digest(tmp_path / "a.tl") == b.digest(tmp_path / "b.tl")


@pytest.mark.parametrize("name", ["session", "optimizer", "scheduler", "loader", "numbers", "net"])
def test_one_object_alone(name, tmp_path):
    a, b = World(), World()
    a.train(3)
    thing = getattr(a, name)
    tl.save(tmp_path / "x.tl", thing)
    found = tl.load(tmp_path / "x.tl", into=getattr(b, name))
    tl.save(tmp_path / "y.tl", getattr(b, name))
    assert (tmp_path / "x.tl").read_bytes() == (tmp_path / "y.tl").read_bytes()
    assert found.kind == {"session": "Session", "optimizer": "Optimizer", "scheduler": "LRScheduler",
                          "loader": "DataLoader", "numbers": "Generator", "net": "Module"}[name]  # fmt: skip


def test_only_what_into_names_is_taken(tmp_path):
    a, b = World(), World()
    a.train(3)
    tl.save(tmp_path / "run.tl", {"model": a.net, "optimizer": a.optimizer, "epoch": 1})
    before = b.optimizer.snapshot().state
    tl.load(tmp_path / "run.tl", into={"model": b.net})
    assert all(np.array_equal(v, b.net.state_dict()[k]) for k, v in a.net.state_dict().items())
    assert b.optimizer.snapshot().state == before


def test_lists_and_dicts_within_dicts(tmp_path):
    a, b = (tl.nn.Linear(2, 1).bind(tl.Session(), seed=i) for i in (1, 2))
    tl.save(tmp_path / "gan.tl", {"nets": [a, {"d": b}], "step": 1})
    c, d = (tl.nn.Linear(2, 1).bind(tl.Session(), seed=i) for i in (3, 4))
    tl.load(tmp_path / "gan.tl", into={"nets": [c, {"d": d}]})
    assert np.array_equal(a.predict([[1.0, 2.0]]), c.predict([[1.0, 2.0]]))
    assert np.array_equal(b.predict([[1.0, 2.0]]), d.predict([[1.0, 2.0]]))


def test_a_state_dict_saved_by_hand_is_taken_too(tmp_path):
    a, b = World(), World(seed=1)
    tl.save(tmp_path / "net.tl", a.net.state_dict())
    tl.load(tmp_path / "net.tl", into=b.net)
    assert np.array_equal(a.net.state_dict()["0.weight"], b.net.state_dict()["0.weight"])


def test_a_loaded_checkpoint_can_be_saved_again_unchanged(tmp_path):
    tl.save(tmp_path / "a.tl", World().optimizer, meta={"why": "test"})
    tl.save(tmp_path / "b.tl", tl.load(tmp_path / "a.tl"))
    assert (tmp_path / "a.tl").read_bytes() == (tmp_path / "b.tl").read_bytes()


def test_reading_needs_none_of_the_classes(tmp_path):
    tl.save(tmp_path / "run.tl", World().parts)
    code = (
        "import sys\nfrom torchlean_nb.saving import load\nck = load(sys.argv[1])\n"
        "print(ck['optimizer'].title, ck['session']['params']['0.weight'].shape)\n"
        "print(*[m for m in ('torchlean_nb.nn', 'torchlean_nb.optim', 'torchlean_nb.train') if m in sys.modules])\n"
    )
    out = subprocess.check_output([sys.executable, "-c", code, str(tmp_path / "run.tl")], text=True).splitlines()
    assert out[0] == "Optimizer 'Adam' (4, 2)"
    assert out[1] == ""


# -- what a Checkpoint is ------------------------------------------------------------------------
def test_a_checkpoint_is_a_frozen_mapping_that_shows_itself(tmp_path):
    tl.save(tmp_path / "run.tl", {"model": World().net, "epoch": 2}, meta={"author": "me"})
    ck = tl.load(tmp_path / "run.tl")
    assert list(ck) == ["model", "epoch"] and len(ck) == 2 and ck.kind == "dict"
    assert dict(ck.meta) == {"author": "me", "torchlean_nb": tl.__version__}
    assert isinstance(ck["model"], Checkpoint) and ck["model"].kind == "Module"
    assert "'model/0.weight'  float64 (4, 2)" in repr(ck) and "'epoch'" in repr(ck)
    with pytest.raises(AttributeError, match="cannot be changed"):
        ck.state = {}
    with pytest.raises(AttributeError, match="cannot be changed"):
        del ck.kind
    with pytest.raises(TypeError):
        ck.meta["author"] = "you"
    with pytest.raises(ValueError, match="read-only"):
        ck["model"]["0.weight"][0, 0] = 1.0
    assert copy.copy(ck) is not None and pickle.loads(pickle.dumps(ck)).kind == "dict"


def test_a_list_is_kept_as_a_list(tmp_path):
    tl.save(tmp_path / "x.tl", [1, (2, None)])
    ck = tl.load(tmp_path / "x.tl")
    assert ck.kind == "list" and ck.state == [1, (2, None)] and list(ck) == []
    with pytest.raises(KeyError, match="holds a list"):
        ck[0]


def test_many_arrays_are_shown_by_the_first_of_them():
    text = repr(Checkpoint("dict", {f"w{i}": np.ones(2) for i in range(100)}))
    assert "100 arrays, 1,600 bytes" in text and "and 70 more" in text and len(text.splitlines()) == 32


# -- what does not fit ----------------------------------------------------------------------------
def refusals(tmp_path):
    """What goes wrong, by the words that say so."""
    w, other = World(), World(optimizer=tl.optim.SGD)
    path, net = tmp_path / "run.tl", World(width=3)
    tl.save(path, {**other.parts, "model": other.net})
    tl.save(tmp_path / "sgd.tl", other.optimizer)
    tl.save(tmp_path / "net32.tl", World(dtype="float32").net)
    tl.save(tmp_path / "narrow.tl", net.net)
    tl.save(tmp_path / "trainer.tl", tl.Trainer(tl.nn.Linear(2, 1)))
    tl.save(tmp_path / "bad.tl", {**w.net.state_dict(), "0.bias": np.array([1.0, np.nan, 0.0, 0.0])})
    return w, {
        "a model alone": ("run.tl", w.net, ("'run.tl' holds dict, not Module", "into={'model': ...}")),
        "a model for all": ("run.tl", w.optimizer, ("holds dict, not Optimizer 'Adam'", "into={'optimizer': ...}")),
        "a stream for all": ("run.tl", tl.Rng(), ("holds dict, not Rng", "into={'session': ..., 'optimizer': ...")),
        "a Trainer's model": ("trainer.tl", w.net, ("holds Trainer, not Module", "into={'model': ...}")),
        "an optimizer for a model": ("sgd.tl", w.net, ("holds Optimizer 'SGD', not Module",)),
        "another optimizer": ("sgd.tl", w.optimizer, ("'sgd'", "'adam'")),
        "a name that is not there": ("run.tl", {"net": w.net}, ("no 'net'", "'model'")),
        "a longer list": ("run.tl", {"model": [w.net]}, ("'model'", "1 objects")),
        "another dtype": ("net32.tl", w.net, ("'0.weight'", "float32", "float64", "cast=True")),
        "another shape": ("narrow.tl", w.net, ("'0.weight'", "(3, 2)", "(4, 2)")),
        "nothing that takes": ("run.tl", {"model": 3}, ("nothing in it can take a state",)),
        "no state": ("run.tl", 3, ("int",)),
    }  # fmt: skip


CASES = ["a model alone", "a model for all", "a stream for all", "a Trainer's model", "an optimizer for a model",
         "another optimizer", "another dtype", "a name that is not there", "a longer list", "another shape",
         "nothing that takes", "no state"]  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_what_does_not_fit_is_refused_in_words_and_changes_nothing(case, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    w, cases = refusals(tmp_path)
    file, into, words = cases[case]
    before = w.digest(tmp_path / "w.tl")
    with pytest.raises(CheckpointError) as caught:
        tl.load(file, into=into)
    text = str(caught.value).replace(str(tmp_path) + "/", "")
    assert all(word in text for word in words), text
    assert w.digest(tmp_path / "w.tl") == before


def test_cast_takes_another_number_type(tmp_path):
    tl.save(tmp_path / "net.tl", World(dtype="float32").net)
    w = World(seed=3)
    tl.load(tmp_path / "net.tl", into=w.net, cast=True)
    assert w.net.state_dict()["0.weight"].dtype == np.float64
    assert np.array_equal(w.net.state_dict()["0.weight"], tl.load(tmp_path / "net.tl")["0.weight"])


def test_a_nan_in_a_parameter_is_refused_as_everywhere(tmp_path):
    w = World()
    before = w.digest(tmp_path / "w.tl")
    tl.save(tmp_path / "x.tl", {**w.net.state_dict(), "0.bias": np.array([1.0, np.nan, 0.0, 0.0])})
    with pytest.raises(NonFiniteError, match=r"0\.bias"):
        tl.load(tmp_path / "x.tl", into=w.net)
    assert w.digest(tmp_path / "w.tl") == before


def test_when_the_last_of_several_does_not_fit_the_first_has_not_changed(tmp_path):
    w = World()
    tl.save(tmp_path / "run.tl", {**w.parts, "other": World(optimizer=tl.optim.SGD).optimizer})
    w.train(3)
    before = w.digest(tmp_path / "w.tl")
    with pytest.raises(CheckpointError):
        tl.load(tmp_path / "run.tl", into={**w.parts, "other": w.optimizer})
    assert w.digest(tmp_path / "w.tl") == before


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # of a file that was opened, and not yet held when Stop came
def test_stop_while_loading_leaves_everything_old_or_everything_new(tmp_path):
    a, w = World(), World()
    a.train(3)
    tl.save(tmp_path / "run.tl", a.parts)
    old, new, n, rolled = w.digest(tmp_path / "w.tl"), a.digest(tmp_path / "a.tl"), 1, 0
    while True:
        before = sys.gettrace()
        sys.settrace(Stop(n))
        try:
            tl.load(tmp_path / "run.tl", into=w.parts)
            break
        except KeyboardInterrupt:
            rolled += 1
        finally:
            sys.settrace(before)
        now = w.digest(tmp_path / "w.tl")
        assert now in (old, new), n
        if now == new:
            break
        n += 1 + n // 40
    assert rolled > 50 and w.digest(tmp_path / "w.tl") == new


def test_stop_pressed_again_while_things_are_put_back_does_not_matter(tmp_path):
    class Slow:
        def __init__(self):
            self.n, self.presses = 0, 0

        def state_dict(self):
            return {"n": self.n}

        def load_state_dict(self, state):
            self.n, self.presses = state["n"], self.presses + 1
            if self.presses <= 3:
                self.n = -1
                raise KeyboardInterrupt

    a, b = Slow(), tl.Rng(1)
    tl.save(tmp_path / "x.tl", {"b": tl.Rng(7), "a": {"n": 5}})
    with pytest.raises(KeyboardInterrupt):
        tl.load(tmp_path / "x.tl", into={"b": b, "a": a})
    assert (a.n, b.seed, a.presses) == (0, 1, 4)


@pytest.mark.parametrize("what", [lambda: 0, object(), {1, 2}, tl.Session().param([1.0]), int])
def test_what_has_no_state_cannot_be_saved(what, tmp_path):
    with pytest.raises(SerializationError, match="save: state"):
        tl.save(tmp_path / "x.tl", what)
    assert list(tmp_path.iterdir()) == []
