"""What there is, under the names by which people ask for it, and the pages that list it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import torchlean_nb as tl
from torchlean_nb import errors

DOCS = Path(__file__).parents[2] / "docs"

TORCH = "SGD ASGD Adam AdamW Adamax NAdam RAdam Adagrad Adadelta RMSprop Rprop LBFGS SparseAdam Adafactor Muon"
TORCHLEAN = "TableMomentum TableAdadelta ProjectedSGD GaLore OrthogonalMomentum"
OPTAX = """
    Lion SignSGD Signum LAMB LARS Fromage NovoGrad Yogi AdaBelief Adan AMSGrad AdamaxW NAdamW SM3 OptimisticGD
    OptimisticAdam PolyakSGD ACProp AdEMAMix SimplifiedAdEMAMix ADOPT MADGRAD Prodigy DAdaptAdamW DoG DoWG COCOB
    Mechanic MoMo MoMoAdam Sophia SAM Lookahead ScheduleFreeSGD ScheduleFreeAdamW NoisySGD DebiasedMuon
"""
CLASSICS = """
    HeavyBall NesterovAGD SteepestDescent BarzilaiBorwein ConjugateGradient NonlinearCG Newton DampedNewton GaussNewton
    Levenberg LevenbergMarquardt BFGS DFP SR1 ISTA FISTA CoordinateDescent ExponentiatedGradient FrankWolfe
    ProjectedGradient SVRG SAGA Kaczmarz PolyakAveraging NelderMead
"""
POPULAR = """
    Shampoo SOAP AdaBound QHM QHAdam AggMo PID AccSGD SGDW SGDP AdamP SWATS AdaMod DiffGrad CAME Tiger MARS FTRL CMAES
    SPSA SGLD
"""
WRAPPING = """
    accumulate agc centralize clip_block_rms clip_global_norm clip_norm clip_value ema lookahead masked
    mechanic normalize project sam swa add_noise
"""
SCHEDULERS = """
    LambdaLR MultiplicativeLR StepLR MultiStepLR ConstantLR LinearLR ExponentialLR PolynomialLR CosineAnnealingLR
    CosineAnnealingWarmRestarts CyclicLR OneCycleLR ReduceLROnPlateau SequentialLR ChainedScheduler SWALR
"""
SCHEDULES = """
    constant exponential_decay step_decay cosine linear_warmup warmup_cosine warmup_cosine_floor cyclic
    triangular one_cycle lr_finder custom polynomial linear cosine_decay piecewise_constant
    piecewise_interpolate linear_onecycle cosine_onecycle warmup_cosine_decay warmup_exponential_decay sgdr
    join reduce_on_plateau wsd inverse_sqrt noam inverse_time natural_exp bottou rex deeplab_poly snapshot
    warm_restarts trapezoid scale add
"""


@pytest.mark.parametrize("name", f"{TORCH} {TORCHLEAN} {OPTAX} {CLASSICS} {POPULAR}".split())
def test_an_optimizer_is_reached_by_its_class_and_by_its_row(name):
    row = tl.optim.row(name)
    assert row.class_name == name and tl.optim.row(row.name) is row and row.name in tl.optim.available()
    made = getattr(tl.optim, name)
    assert made.__name__ == name and row.summary in made.__doc__
    assert row.summary in row.card() and all(reference in row.card() for reference in row.references)
    assert all(f"`{k}`" in row.card() for k in row.hypers)


def test_what_goes_around_a_rule_is_listed():
    assert set(WRAPPING.split()) <= set(tl.optim.wrappers()) <= set(tl.optim.available())
    assert tl.optim.EMA and tl.optim.SWA


def test_schedules_and_schedulers_are_listed():
    assert set(f"{SCHEDULERS} {SCHEDULES}".split()) <= set(tl.schedules.available())
    assert all(hasattr(tl.optim.lr_scheduler, name) for name in SCHEDULERS.split())


def test_a_name_nobody_has_is_answered_with_the_closest():
    with pytest.raises(errors.UnknownNameError, match="nesterov_agd"):
        tl.optim.row("nesterov")


def test_the_pages_are_those_the_rows_write():
    # In a process of its own: here other tests may have left rows and readings behind.
    done = subprocess.run([sys.executable, DOCS / "catalogue.py", "--check"], capture_output=True, text=True)
    assert done.returncode == 0, f"python docs/catalogue.py\n{done.stderr}"
