"""What a step does not see: the scale of the loss, signs, places, directions, and in which units a parameter is.

Each row of the table of rules stands in one class, found by measuring with all of `eps` and decay at 0.
"""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

import torchlean_nb as tl
from torchlean_nb.laws.rules_known import GIVEN
from torchlean_nb.updates import RULES

K = 2.0**10
RNG = np.random.default_rng(3)
START, SIGNS, ORDER = RNG.normal(size=(4, 3)), np.where(RNG.random((4, 3)) < 0.5, -1.0, 1.0), RNG.permutation(12)
GRADIENTS = [RNG.normal(size=(4, 3)) for _ in range(8)]
CURVATURES = [1 + np.abs(RNG.normal(size=(4, 3))) for _ in range(8)]
LEFT, WHOLE = (np.linalg.qr(RNG.normal(size=(n, n)))[0] for n in (4, 12))
# Where the loss is scaled: the "same" steps, "about" the same, or "along": steps that grow with it.
# Where signs are flipped, or places exchanged: the same steps "bit" for bit, or up to "round"ing.
# Turned: "space" of all coordinates, or "columns" alone.
# In other units of the parameter, by which the gradient then is divided: "units" where steps change as it does.
#      loss, signs, places, turned, units
TABLE = {
    ("same", "", "", "", ""): "galore",
    ("same", "bit", "", "", ""): "sm3 came",
    ("same", "bit", "", "", "units"): "adafactor",
    ("same", "bit", "bit", "", ""):
        "adam adamw amsgrad adamax nadam adagrad rmsprop sophia adamp swats tiger ftrl sparse_adam "
        "optimistic_adam cocob rprop lion sign_sgd signum grokfast_adamw adanorm ano adams prodigy frank_wolfe "
        "qhadam adamod laprop grams stable_adamw schedule_free_adamw adabelief adamaxw nadamw ademamix "
        "simplified_ademamix adan adopt lookahead",
    ("same", "bit", "bit", "", "units"): "adahessian",
    ("same", "bit", "round", "", ""): "momo_adam mars",
    ("same", "bit", "round", "", "units"): "lamb",
    ("same", "", "", "columns", ""): "muon muon_debiased orthogonal_momentum soap",
    ("same", "bit", "round", "space", ""): "novograd polyak_sgd ldog dog momo",
    ("same", "bit", "round", "space", "units"): "lars fromage",
    ("along", "", "", "", ""): "projected_sgd",
    ("along", "", "round", "", ""): "sgd_sai",
    ("along", "bit", "bit", "", ""): "coordinate_descent msvag",
    ("along", "bit", "round", "", ""): "adai",
    ("along", "", "", "columns", ""): "galore_sgd",
    ("along", "bit", "bit", "space", ""):
        "heavy_ball nesterov_agd polyak_averaging pid accsgd sgdp optimistic_gd sgdw qhm aggmo sgd asgd pnm ista "
        "fista schedule_free_sgd table_momentum ema_sgd swa_sgd",
    ("along", "bit", "round", "space", ""): "barzilai_borwein",
    ("", "", "", "", ""): "noisy_sgd sgld",
    ("", "", "bit", "", ""): "yogi",
    ("", "", "round", "", ""): "projected_gradient",
    ("", "bit", "bit", "", ""):
        "radam adadelta egu madgrad gravity adasmooth padam table_adadelta acprop adabound diffgrad mechanic",
    ("", "bit", "bit", "", "units"): "kate",
    ("", "bit", "round", "", ""): "exponentiated_gradient dadapt_adamw avagrad",
    ("about", "bit", "bit", "", ""): "adashift",
    ("", "", "", "columns", ""): "shampoo",
    ("", "bit", "bit", "space", ""): "proximal_gradient",
    ("", "bit", "round", "space", ""): "dowg sam",
}  # fmt: skip
# With eps at 0 these divide nothing by nothing in their first steps, or never start.
KEPT = {"adadelta", "table_adadelta", "adashift", "adasmooth", "dadapt_adamw", "avagrad", "dowg", "mechanic"}
ROWS = [r for r in RULES.values() if r.builtin]


def settings(rule):
    """No eps and no decay, but where there is no step without."""
    free = {k for k, h in rule.hypers.items() if h.low == 0 and not h.open_low}
    off = [k for k in free if k.startswith("eps") and rule.name not in KEPT]
    off += [k for k in ("weight_decay", "lambd", "l1", "min_norm", "mechanic_weight_decay") if k in rule.hypers]
    return {**GIVEN.get(rule.name, {}), **dict.fromkeys(off, 0.0)}


def steps(rule, p=START, gradients=GRADIENTS, curvatures=CURVATURES, value=1.5):
    """Every step of a run, without the shell."""
    h, out = SimpleNamespace(**rule.resolve(settings(rule)), value=value), []
    slots = rule.start(p, h)
    for t, (g, h.curvature) in enumerate(zip(gradients, curvatures, strict=True), 1):
        with np.errstate(all="ignore"):
            terms = rule.terms(g, p, slots, h, t)
        p, slots = p + terms["delta"], {k: terms[k] for k in slots}
        out.append(terms["delta"])
    return np.array(out)


def alike(a, b):
    """``bit`` for bit, up to ``round``ing, or not at all."""
    assert np.isfinite(a).all() and a.any()
    if np.array_equal(a, b):
        return "bit"
    return "round" if np.allclose(a, b, rtol=1e-9, atol=1e-12 * np.abs(b).max()) else ""


def moved(change, rule, **given):
    """Steps after a linear change of the coordinates of everything, against changed steps."""
    was = steps(rule)
    now = steps(rule, change(START), [change(g) for g in GRADIENTS], **given)
    return alike(now, np.array([change(d) for d in was]))


def exchange(a):
    return a.ravel()[ORDER].reshape(a.shape)


def class_of(rule):
    """The row's place in the table, measured."""
    was = steps(rule)
    louder = steps(rule, START, [K * g for g in GRADIENTS], [K * c for c in CURVATURES], 1.5 * K)
    smaller = steps(rule, K * START, [g / K for g in GRADIENTS], [c / K**2 for c in CURVATURES])
    loss = {"bit": "same", "round": "about", "": "along" if alike(louder, K * was) else ""}[alike(louder, was)]
    turned = [
        name for name, change in (
            ("space", lambda a: (WHOLE @ a.ravel()).reshape(a.shape)), ("columns", lambda a: LEFT @ a),
        ) if moved(change, rule)
    ]  # fmt: skip
    return (
        loss, moved(lambda a: SIGNS * a, rule), moved(exchange, rule, curvatures=[exchange(c) for c in CURVATURES]),
        turned[0] if turned else "", "units" if alike(smaller, K * was) else "",
    )  # fmt: skip


PLACE = {name: place for place, names in TABLE.items() for name in names.split()}


@pytest.mark.parametrize("rule", ROWS, ids=lambda r: r.name)
def test_a_rule_sees_as_much_as_its_class_says(rule):
    assert class_of(rule) == PLACE[rule.name]


def test_every_row_has_one_place():
    listed = [name for names in TABLE.values() for name in names.split()]
    assert sorted(listed) == sorted(r.name for r in ROWS)


@pytest.mark.parametrize("rule", [r for r in ROWS if r.scope == "element"], ids=lambda r: r.name)
def test_rules_for_single_elements_do_not_know_their_places(rule):
    assert PLACE[rule.name][2] == "bit"


def test_what_cannot_be_turned_are_rules_that_measure_each_coordinate():
    """Descent goes the same way in a bowl however it lies; Adam another where the axes are not the bowl's own."""
    axes = np.array([[10.0, 0.0], [0.0, 0.1]])
    turn = np.array([[0.6, -0.8], [0.8, 0.6]])

    def way(make, bowl, p):
        opt, seen = make({"w": p}), []
        for _ in range(40):
            opt.step({"w": bowl @ opt.params["w"]})
            seen.append(opt.params["w"])
        return np.array(seen)

    start = np.array([1.0, 1.0])
    for name, given, same in (
        ("SGD", {"lr": 0.05}, True), ("HeavyBall", {"lr": 0.02}, True), ("Adam", {"lr": 0.05}, False),
        ("SignSGD", {"lr": 0.05}, False), ("RMSprop", {"lr": 0.05}, False),
    ):  # fmt: skip
        make = lambda params, name=name, given=given: getattr(tl.optim, name)(params, **given)  # noqa: E731
        straight, askew = way(make, axes, start), way(make, turn @ axes @ turn.T, turn @ start)
        off = np.abs(askew - straight @ turn.T).max()
        assert off < 1e-12 if same else off > 0.1, name


def test_adam_with_eps_sees_the_scale_of_a_tiny_loss():
    """The invariance is that of eps = 0: what eps is for is to end it."""
    ways = []
    for scale in (1.0, 2.0**-40):
        opt = tl.optim.Adam({"w": START}, lr=0.1)
        for g in GRADIENTS:
            opt.step({"w": scale * g})
        ways.append(opt.params["w"] - START)
    assert np.abs(ways[1]).max() < 1e-2 * np.abs(ways[0]).max()
