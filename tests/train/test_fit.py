"""Trainer.fit: the order of events, and the same curve from every way to train."""

import numpy as np
import pytest
from _trainers import data, digest, fit, trainer

import torchlean_nb as tl
from torchlean_nb import errors as err


def mlp():
    return tl.nn.Sequential(tl.nn.Linear(3, 5), tl.nn.Tanh(), tl.nn.Dropout(0.2), tl.nn.Linear(5, 2))


def adam(params):
    return tl.optim.Adam(params, lr=0.05)


def losses(result):
    return result.run["loss"].values.tolist()


# -- the same from Trainer, Stepper, and a Session by hand -------------------------------------------


def by_hand(schedule, steps, dtype):
    """Losses before each update, without anything of `tl.train`."""
    s = tl.Session(seed=3, dtype=dtype)
    net = mlp().bind(s, seed=3)
    opt = adam(net.parameters())
    loader = tl.data.DataLoader(data(), 4, seed=3)
    found = []
    for k in range(steps):
        x, y = loader.next_batch()
        opt.param_groups[0]["lr"] = schedule(k)
        found.append(s.step(opt, lambda x=x, y=y: tl.cross_entropy(net(x), y)).loss)
    return found, net.state_dict()


def by_stepper(schedule, steps, dtype):
    runner = tl.train.classifier(mlp()).instantiate(seed=3, dtype=dtype)
    stepper, loader = runner.stepper(adam, schedule), tl.data.DataLoader(data(), 4, seed=3)
    return [stepper.step(*loader.next_batch()) for _ in range(steps)], runner.get_params()


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("schedule", [lambda k: 0.05, tl.schedules.cosine(0.1, total=9)], ids=["constant", "cosine"])
def test_the_loss_curve_is_the_same_from_every_way_to_train(schedule, dtype):
    t = tl.Trainer(mlp(), "classification", adam, schedule, seed=3, dtype=dtype)
    ours = losses(fit(t, 7))
    assert len(ours) == 7
    for way in (by_hand, by_stepper):
        theirs, params = way(schedule, 7, dtype)
        assert ours == theirs
        assert all((params[k] == v).all() for k, v in t.runner.get_params().items())


def test_running_statistics_move_as_with_a_runner():
    t = trainer()
    fit(t, 4, shuffle=False)
    runner = tl.train.classifier(t.runner.net.model).instantiate(seed=3)
    stepper, loader = runner.stepper("adam"), tl.data.DataLoader(data(), 4, shuffle=False)
    for _ in range(4):
        stepper.step(*loader.next_batch())
    assert all((runner.get_params()[k] == v).all() for k, v in t.runner.get_params().items())


# -- order of events ---------------------------------------------------------------------------------


def test_the_recorded_loss_is_that_before_the_update():
    t = tl.Trainer(tl.nn.Linear(1, 1), optimizer=lambda ps: tl.optim.SGD(ps, lr=0.1))
    t.runner.set_params({"weight": [[1.0]], "bias": [0.0]})
    result = t.fit(([[1.0]], [[3.0]]), steps=2, progress=False)
    # Loss 4, gradients -4, weight 1.4 and bias 0.4: loss (1.8 - 3)^2 before the second update.
    assert losses(result) == pytest.approx([4.0, 1.44], rel=1e-14)
    assert (result.report.before, result.report.after) == pytest.approx((4.0, 0.5184), rel=1e-14)
    assert result.summary() == "steps=2 loss0=4 loss1=0.5184"


def test_a_rate_is_written_before_the_update_of_its_step():
    t = tl.Trainer(tl.nn.Linear(1, 1, bias=False), schedule=lambda step: [0.0, 0.5][step])
    t.runner.set_params({"weight": [[1.0]]})
    result = t.fit(([[1.0]], [[3.0]]), steps=2, progress=False)
    assert result.run["lr"].values.tolist() == [0.0, 0.5] and losses(result) == [4.0, 4.0]
    assert result.parameters["weight"].item() == 3.0


@pytest.mark.parametrize(("per", "expected"), [("step", [1.0, 0.5, 1 / 3, 0.25]), ("epoch", [1.0, 1.0, 1.0, 0.5])])
def test_a_schedule_counts_steps_or_epochs(per, expected):
    t = trainer("sgd", lambda k: 1 / (k + 1), schedule_per=per)
    assert fit(t, 4).run["lr"].values.tolist() == expected  # 3 batches make an epoch


def test_a_scheduler_of_this_optimizer_may_be_set_later():
    t, given = trainer("sgd"), trainer("sgd", lambda opt: tl.optim.lr_scheduler.StepLR(opt, 2))
    t.schedule = scheduler = tl.optim.lr_scheduler.StepLR(t.optimizer, 2)
    rates = fit(t, 5).run["lr"].values.tolist()
    assert rates == fit(given, 5).run["lr"].values.tolist() and len(set(rates)) == 3
    assert t.schedule is scheduler and trainer("sgd", abs).schedule is abs


def test_a_plateau_looks_at_the_validation_loss_at_the_end_of_each_epoch():
    seen = []

    class Spy(tl.optim.lr_scheduler.ReduceLROnPlateau):
        def step(self, metrics):
            seen.append(metrics)
            super().step(metrics)

    t = trainer("sgd", lambda opt: Spy(opt))
    result = t.fit(data(), epochs=2, batch_size=4, validation=data(6, seed=9), progress=False)
    assert seen == result.run["val_loss"].values.tolist() and len(seen) == 2


def test_without_validation_a_plateau_looks_at_the_mean_loss_of_the_epoch():
    t = trainer("sgd", lambda opt: tl.optim.lr_scheduler.ReduceLROnPlateau(opt))
    result = t.fit(data(), epochs=1, batch_size=4, progress=False)
    means = np.average(losses(result), weights=[4, 4, 2])
    assert t.rates.scheduler.best == pytest.approx(means, rel=1e-14)
    assert result.run["epoch_loss"].values.tolist() == [t.rates.scheduler.best]


def test_validation_is_in_eval_mode_and_leaves_no_trace():
    plain, looked = trainer(), trainer()
    fit(plain, 6)
    result = fit(looked, 6, validation=data(5, seed=7), validate_every=2, metrics=["accuracy", "f1"])
    assert digest(plain, run=False) == digest(looked, run=False)
    assert result.run["val_loss"].steps.tolist() == [1, 2, 3, 5]  # every 2 steps, and epochs of 3
    expected = looked.evaluate(data(5, seed=7), metrics=["accuracy", "f1"])
    assert {k: result.metrics[f"val_{k}"] for k in expected} == expected
    assert result.run.last("val_f1") == expected["f1"]


def test_a_share_that_is_held_out_is_the_same_each_time():
    results = [fit(trainer(), 3, validation=0.3) for _ in range(2)]
    assert results[0].run["val_loss"].values.tolist() == results[1].run["val_loss"].values.tolist()
    _, held = data().split(test=0.3, seed=3)
    t = trainer()
    assert fit(t, 3, validation=0.3).metrics["val_loss"] == t.evaluate(held)["loss"]


# -- batches -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("k", [2, 3, 6])
def test_accumulated_batches_act_as_one(k):
    def run(**options):
        t = tl.Trainer(tl.nn.Linear(3, 2), "classification", adam, seed=1)
        return t.fit(data(17), steps=9, progress=False, metrics=["accuracy", "f1"], **options)

    one, parts = run(batch_size=6), run(batch_size=6 // k, accumulate=k)
    np.testing.assert_allclose(losses(parts), losses(one), rtol=1e-12)
    for name in ("accuracy", "f1", "grad_norm"):
        np.testing.assert_allclose(parts.run[name].values, one.run[name].values, rtol=1e-9)
    for name, value in one.parameters.items():
        np.testing.assert_allclose(parts.parameters[name], value, rtol=1e-9, atol=1e-12)


def test_accumulation_ends_with_the_epoch():
    t = trainer(norm=tl.nn.LayerNorm(4))
    result = t.fit(data(), epochs=2, batch_size=2, accumulate=3, progress=False)
    assert result.steps == 4 and result.run["epoch"].steps.tolist() == [1, 3]


def test_clipping_bounds_the_norm_and_records_it_from_before():
    start = trainer().runner
    free, tight = trainer("sgd"), trainer("sgd")
    fit(free, 1)
    result = fit(tight, 1, clip=1e-3)

    def moved(t):
        steps = [p.value - start.net.params[path].value for path, p in t.runner.net.params.items()]
        return tl.optim.total_norm(steps) / t.rates.lr

    assert result.run["grad_norm"].values[0] == pytest.approx(moved(free), rel=1e-9)
    assert moved(tight) == pytest.approx(1e-3, rel=1e-4)


def test_clipping_may_be_a_function_of_the_gradients():
    t, seen = trainer("sgd"), []
    fit(t, 2, clip=lambda grads: seen.append(grads) or tl.optim.clip_grad_value(grads, 0.0))
    assert len(seen) == 2
    assert all((t.runner.net.params[k].value == v.value).all() for k, v in trainer().runner.net.params.items())


def test_clipping_may_give_a_list():
    one, two = trainer("sgd"), trainer("sgd")
    fit(one, 2, clip=lambda grads: tl.optim.clip_grad_value(grads, 0.1))
    fit(two, 2, clip=lambda grads: [np.clip(grads[p], -0.1, 0.1) for p in two.runner.net.parameters()])
    assert all((one.runner.get_params()[k] == v).all() for k, v in two.runner.get_params().items())


def test_a_loader_brings_its_own_batches():
    loader = tl.data.DataLoader(data(), 3, seed=8, drop_last=True)
    t = trainer()
    result = t.fit(loader, epochs=2, progress=False)
    assert result.steps == 6 and t.loader is loader and loader.epoch == 2
    with pytest.raises(err.HyperparameterError, match="batch_size=5, but the DataLoader has 3"):
        t.fit(loader, epochs=1, batch_size=5, progress=False)


FORMS = {
    "arrays": lambda d: (d.X, d.y),
    "lists": lambda d: (d.X.tolist(), d.y.tolist()),
    "samples": lambda d: list(d),
    "pairs of lists": lambda d: [(x.tolist(), int(y)) for x, y in d],
}


@pytest.mark.parametrize("name", FORMS)
def test_data_may_be_given_in_many_forms(name):
    plain, other = trainer(), trainer()
    fit(plain, 4)
    other.fit(FORMS[name](data()), steps=4, batch_size=4, progress=False)
    assert digest(plain) == digest(other)


def test_a_model_with_two_inputs_takes_data_of_three_arrays():
    from dataclasses import dataclass

    @dataclass(frozen=True)
    class Both(tl.nn.Layer):
        def children(self):
            return {"a": tl.nn.Linear(2, 1), "b": tl.nn.Linear(1, 1)}

        def compute(self, x, at):
            return at("a", x[0]) + at("b", x[1])

    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(40, 2)), rng.normal(size=(40, 1))
    y = a[:, :1] + 2 * b
    t = tl.Trainer(Both(), optimizer=lambda ps: tl.optim.Adam(ps, lr=0.1))
    result = t.fit((a, b, y), epochs=60, progress=False)
    assert result.report.after < 1e-3 and result.predict((a, b)).shape == (40, 1)
    other = tl.Trainer(Both(), optimizer=lambda ps: tl.optim.Adam(ps, lr=0.1))
    assert losses(other.fit(((a, b), y), epochs=60, progress=False)) == losses(result)


def test_whole_numbers_are_numbers_for_a_model_of_floats():
    t = tl.Trainer(tl.nn.Linear(2, 1), "bce_with_logits", adam)
    result = t.fit(([[0, 0], [0, 1], [1, 0], [1, 1]], [0, 0, 0, 1]), steps=200, progress=False)
    assert result.metrics["accuracy"] == 1.0 and result.predict_class([[1, 1], [0, 1]]).tolist() == [1, 0]


# -- metrics -----------------------------------------------------------------------------------------


def test_metrics_of_targets_in_other_forms_are_the_same():
    x = np.random.default_rng(0).normal(size=(20, 2))
    y = (x.sum(1) > 0).astype(int)
    for loss, target in (("bce_with_logits", y), ("bce_with_logits", y[:, None]), ("hinge", 2 * y - 1)):
        t = tl.Trainer(tl.nn.Linear(2, 1), loss, "adam")
        found = t.evaluate((x, target), metrics=["accuracy", "recall", "auc"])
        logits = t.predict(x)[:, 0]
        assert found["accuracy"] == np.mean((logits > 0) == y)
        assert found["auc"] == tl.train.calibration.auc(logits, y)
    t = tl.Trainer(tl.nn.Sequential(tl.nn.Linear(2, 1), tl.nn.Sigmoid()), "bce", "adam")
    assert t.evaluate((x, y), metrics="accuracy")["accuracy"] == np.mean((t.predict(x)[:, 0] > 0.5) == y)


def test_a_metric_of_numbers_does_not_compare_columns_with_rows():
    x = np.arange(4.0)[:, None]
    t = tl.Trainer(tl.nn.Linear(1, 1))
    rows, columns = (t.evaluate((x, y), metrics={"r2": "r2", "mine": lambda o, y: np.abs(o - y).max()})
                     for y in (x[:, 0], x))  # fmt: skip
    assert rows == columns


def test_regression_has_no_metric_unless_asked():
    t = tl.Trainer(tl.nn.Linear(3, 1), optimizer="adam")
    result = t.fit((data().X, data().X[:, 0]), steps=2, progress=False, metrics=["r2", "mae"])
    assert list(result.metrics) == ["loss", "r2", "mae"] and len(result.run["r2"]) == 2
    assert set(t.fit((data().X, data().X[:, 0]), steps=1, progress=False).metrics) == {"loss"}


# -- numbers that are not finite ---------------------------------------------------------------------


def exploding(policy):
    """A model whose loss overflows at the third step."""
    t = tl.Trainer(
        tl.nn.Linear(3, 1), optimizer=lambda ps: tl.optim.SGD(ps, lr=1.0), nonfinite=policy,
        schedule=lambda k: 1e170 if k == 1 else 0.01,
    )  # fmt: skip
    return t, t.fit((data().X, data().X[:, 0]), steps=5, batch_size=4, progress=False)


def test_a_run_that_diverges_ends_with_the_last_good_step():
    t, result = exploding("raise")
    assert result.stopped == "diverged" and t.step == result.steps == 2
    assert "step 2" in result.reason and "diverged" in result.to_text()
    assert np.isfinite(t.predict(data().X)).all()
    assert result.run.events[-1].kind == "diverged" and result.run.status == "diverged"


def test_a_step_that_is_not_finite_may_be_left_out():
    t, result = exploding("skip")
    assert result.stopped is None and t.step == 5 and t.so_far.skipped == 3 == result.run.meta["skipped"]


def test_a_step_that_is_not_finite_may_be_nothing_special():
    _, result = exploding("ieee")
    assert result.stopped is None and np.isinf(losses(result)[2:]).all()


@pytest.mark.parametrize("per", ["step", "epoch"])
def test_skipped_steps_do_not_count_for_a_plateau(per):
    x = np.array(data().X)
    x[:4] = 1e200
    t = tl.Trainer(
        tl.nn.Linear(3, 1), nonfinite="skip", schedule_per=per,
        schedule=lambda opt: tl.optim.lr_scheduler.ReduceLROnPlateau(opt),
    )  # fmt: skip
    result = t.fit((x, data().X[:, 0]), epochs=2, batch_size=4, shuffle=False, progress=False)
    assert t.so_far.skipped == 2 and np.isfinite(losses(result)).tolist() == [False, True, True] * 2
    good = np.array(losses(result))[[1, 2, 4, 5]]
    assert t.rates.scheduler.last_epoch == (4 if per == "step" else 2)
    np.testing.assert_allclose(result.run["epoch_loss"].values, good.reshape(2, 2) @ [4 / 6, 2 / 6], rtol=1e-14)


def test_a_metric_that_a_batch_has_no_value_of_is_left_out_there():
    t = tl.Trainer(tl.nn.Linear(3, 2), "classification")
    y = np.repeat([0, 1, 0], 4)
    result = t.fit((data(12).X, y), steps=3, batch_size=8, shuffle=False, metrics="auc", progress=False)
    assert result.run["auc"].steps.tolist() == [0, 2] and 0 <= result.metrics["auc"] <= 1


def test_running_statistics_of_a_skipped_step_stay():
    x = np.array(data().X)
    x[3] = 1e200  # its square overflows in the running variance
    t = trainer(nonfinite="skip")
    t.fit((x, data().y), steps=3, batch_size=2, shuffle=False, progress=False)
    assert t.so_far.skipped == 1 and all(np.isfinite(p.value).all() for p in t.runner.net.buffers.values())


# -- other optimizers --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["LBFGS", "Sophia", "AdaHessian", "PolyakSGD", "SAM", "Muon", "ScheduleFreeAdamW"])
def test_optimizers_that_ask_for_more_train_too(name):
    net = tl.nn.Sequential(tl.nn.Linear(3, 4, bias=False), tl.nn.Tanh(), tl.nn.Linear(4, 2, bias=False))
    t = tl.Trainer(net, "classification", getattr(tl.optim, name))
    result = t.fit(data(), steps=4, batch_size=10, progress=False)
    assert result.stopped is None and t.step == 4 and result.report.after != result.report.before


@pytest.mark.parametrize("fused", ["numpy", "numba"])
def test_fused_optimizers_train_and_can_be_stopped(fused):
    pytest.importorskip(fused)

    def make():
        return trainer(lambda ps: tl.optim.Adam(ps, lr=0.01, fused=fused))

    def press(moment):
        if moment.step == 2:
            raise KeyboardInterrupt

    once, twice = make(), make()
    fit(once, 5)
    fit(twice, 5, callbacks=press)
    fit(twice, 3)
    assert twice.step == 5 and digest(once) == digest(twice)
