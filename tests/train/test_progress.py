"""Progress: a bar where somebody looks, and nothing elsewhere."""

import sys
from types import SimpleNamespace

import pytest
from _trainers import fit, trainer

from torchlean_nb.train import progress as bars
from torchlean_nb.train.progress import Progress


class Bar:
    """Stands for tqdm's."""

    def __init__(self, total, start):
        self.total, self.n, self.drawn, self.closed, self.text = total, start, [], False, ""

    def set_postfix_str(self, text, refresh=True):
        assert not refresh
        self.text = text

    def refresh(self):
        self.drawn.append((self.n, self.text))

    def close(self):
        self.closed = True


def test_a_bar_is_drawn_at_most_ten_times_a_second():
    now, made = [0.0], []
    progress = Progress(100, True, lambda *a: made.append(Bar(*a)) or made[0], lambda: now[0])
    progress.start()
    for k in range(100):
        now[0] = k * 0.01
        progress.at(k + 1, {"loss": 1 / (k + 1)})
    progress.close(100, {"loss": 0.01})
    (bar,) = made
    assert len(bar.drawn) <= 11 + 1 and bar.drawn[-1] == (100, "loss=0.01") and bar.closed
    assert bar.drawn[0] == (1, "loss=1")


def test_a_bar_keeps_the_last_of_every_result():
    made = []
    progress = Progress(3, True, lambda *a: made.append(Bar(*a)) or made[0], iter(range(9)).__next__)
    progress.start()
    progress.at(1, {"loss": 2.0, "lr": 0.1, "epoch": 1, "epoch_loss": 2.0, "val_loss": 3.0})
    progress.at(2, {"loss": 1.0, "lr": 0.1})
    assert made[0].drawn == [(1, "loss=2, val_loss=3"), (2, "loss=1, val_loss=3")]


def test_nothing_is_shown_where_nobody_looks(capsys):
    fit(trainer(), 3, progress=True)
    assert capsys.readouterr() == ("", "")


def test_a_real_bar_shows_loss_and_metric(monkeypatch, capsys):
    monkeypatch.setattr("torchlean_nb.train.trainer.someone_looks", lambda: True)
    fit(trainer(), 3, progress=True, validation=3)
    shown = capsys.readouterr().err
    assert "3/3" in shown and "loss=" in shown and "val_loss=" in shown


def test_someone_looks_at_a_terminal(monkeypatch):
    class Terminal:
        def isatty(self):
            return True

    assert bars.someone_looks() is False
    monkeypatch.setattr(sys, "stderr", Terminal())
    assert bars.someone_looks() is True


def test_someone_looks_at_a_notebook(monkeypatch):
    shell = SimpleNamespace(kernel=None)
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))
    assert bars.someone_looks() is True


def test_the_bar_is_closed_after_an_error(monkeypatch):
    made = []
    defaults = True, lambda *a: made.append(Bar(*a)) or made[0], float
    monkeypatch.setattr(bars.Progress.__init__, "__defaults__", defaults)
    monkeypatch.setattr("torchlean_nb.train.trainer.someone_looks", lambda: True)

    def fail(moment):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fit(trainer(), 3, progress=True, callbacks=fail)
    assert made[0].closed
