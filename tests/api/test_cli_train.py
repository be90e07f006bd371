"""``torchlean-nb train``: trains, measures, saves, goes on; and says in one line what is wrong."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from functools import partial

import numpy as np
import pytest

import torchlean_nb as tl
from torchlean_nb import cli
from torchlean_nb.cli.choices import named
from torchlean_nb.cli.flags import SETTINGS, parser
from torchlean_nb.trace.train_log import TrainLog


@pytest.fixture
def run(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def call(line):
        code = cli.main(["train", *line.split()])
        return code, *capsys.readouterr()

    return call


def accuracy(out, name):
    right, count = re.search(rf"accuracy\({name}\) = (\d+)/(\d+)", out).groups()
    return int(right) / int(count)


def test_without_any_flag_it_learns_two_moons(run):
    code, out, err = run("--steps 300 --lr 0.01")
    assert (code, err) == (0, "")
    assert "data: moons, 160 rows to train on, 40 held out; 2 classes" in out
    assert "Sequential: [32, 2] -> [32, 2], layers=3, params=322" in out
    assert re.search(r"steps=300 loss0=0\.\d+ loss1=0\.\d+\n", out)
    assert accuracy(out, "train") > 0.9 and accuracy(out, "held out") > 0.9


def test_it_computes_what_the_same_script_computes(run):
    _, out, _ = run("--data iris --model linear --optim sgd:momentum=0.5 --lr 0.1 --steps 30 --seed 3 --validation 0")
    data = tl.data.load_iris().standardise()
    rule = tl.optim.rules["sgd"].with_hypers(lr=0.1, momentum=0.5)
    trainer = tl.Trainer(tl.nn.Sequential(tl.nn.Linear(4, 3)), "classification", rule, seed=3)
    result = trainer.fit(data, steps=30, progress=False)
    assert result.summary() in out and "held out)" not in out


def test_torchleans_first_example_from_the_command_line(run):
    code, out, _ = run(
        "--data regression_grid --hidden 8 --lr 0.03 --update per_sample --batch-size 1 --shuffle no --validation 0 "
        "--standardise no --init torchlean --seed 2026 --steps 200"
    )
    assert code == 0 and "Sequential: [1, 2] -> [1, 1], layers=3, params=33" in out
    assert "steps=200 loss0=0.76153 loss1=0.00323363\n" in out


@pytest.mark.parametrize("line", [
    "--data digits --model cnn --hidden 4 --steps 3",
    "--data wine --model linear --epochs 2 --optim lion",
    "--data breast_cancer --steps 3 --dtype float32 --activation tanh --hidden 8,4",
    "--data diabetes --steps 3 --loss huber --standardise no",
    "--data spirals:arms=3,n=90 --steps 3 --init torchlean --clip 1",
    "--data xor --steps 3 --update per_sample --batch-size 2 --log-every 1",
    "--data moons --epochs 5 --early-stopping 1 --schedule ReduceLROnPlateau:patience=0",
    "--steps 5 --device auto --dtype float --progress --log off",
])
def test_data_models_and_options_of_all_sorts(line, run):
    code, out, _ = run(line)
    assert code == 0 and "mean_loss(train) = " in out


def test_every_schedule_that_can_be_filled_in_runs(run):
    ran = []
    for name in tl.schedules.SCHEDULES:
        code, _, err = run(f"--steps 20 --model linear --schedule {name}")
        if code == 0:
            ran.append(name)
        else:
            assert re.match(rf"torchlean-nb train: --schedule {name} needs \w+.*: --schedule {name}:\w+=", err), err
    assert {"constant", "cosine", "warmup_cosine", "one_cycle", "linear", "polynomial", "wsd", "rex"} <= set(ran)
    assert len(ran) > 20


# -- files -----------------------------------------------------------------------------------------
def test_a_run_in_two_calls_is_the_run_in_one_bit_for_bit(run):
    run("--data moons --schedule warmup_cosine --steps 20 --save whole.tl --log whole.json")
    run("--data moons --schedule warmup_cosine --steps 9 --total 20 --save part.tl")
    code, out, _ = run("--load part.tl --save part.tl --log part.json")
    assert code == 0 and "part.tl: 9 steps are done, 11 to go" in out
    a, b = (tl.load(name) for name in ("whole.tl", "part.tl"))
    assert b["step"] == 20 and dict(a.meta) == dict(b.meta)
    whole, part = a.arrays(), b.arrays()
    assert list(whole) == list(part) and all(whole[k].tobytes() == part[k].tobytes() for k in whole)
    logs = [TrainLog.read(name, strict=True) for name in ("whole.json", "part.json")]
    assert logs[0] == logs[1] and logs[0].title == "moons, mlp"
    code, _, err = run("--load part.tl")
    assert code == 2 and "its 20 steps are done; --steps N says how many more" in err
    assert run("--load part.tl --steps 2")[0] == 0


def test_a_run_goes_on_under_the_other_backend_bit_for_bit(run):
    run("--steps 8 --save whole.tl")
    run("--steps 3 --total 8 --backend compiled --save part.tl")
    assert run("--load part.tl --backend eager --save part.tl")[0] == 0
    whole, part = (tl.load(name).arrays() for name in ("whole.tl", "part.tl"))
    assert list(whole) == list(part) and all(whole[k].tobytes() == part[k].tobytes() for k in whole)


def test_a_saved_run_keeps_its_settings_and_its_data(run, tmp_path):
    (tmp_path / "d.csv").write_text("a,b\n" + "".join(f"{i},{i * i}\n" for i in range(20)))
    run("--data d.csv --target b --steps 3 --save run.tl")
    code, _, err = run("--load run.tl --optim sgd")
    assert code == 2 and "--optim sgd: the run in run.tl has --optim adam" in err
    assert run("--load run.tl --optim adam --steps 1")[0] == 0
    (tmp_path / "d.csv").write_text("a,b\n" + "".join(f"{i},{i + i}\n" for i in range(20)))
    code, _, err = run("--load run.tl --steps 3")
    assert code == 2 and "the data are not those of the saved run" in err


@pytest.mark.parametrize("name", ["p.json", "p.safetensors"])
def test_parameters_go_out_and_come_in(name, run):
    if name.endswith("safetensors"):
        pytest.importorskip("safetensors")
    _, first, _ = run(f"--steps 20 --save-params {name}")
    code, out, _ = run(f"--steps 1 --lr 1e-300 --load-params {name}")
    pattern = r"mean_loss\(train\) = (\S+)"
    assert code == 0 and re.search(pattern, out).group(1) == re.search(pattern, first).group(1)


def test_a_run_is_saved_on_the_way(run, monkeypatch):
    seen = []
    monkeypatch.setattr("torchlean_nb.saving.save", lambda path, obj, meta: seen.append(obj.step))
    run("--steps 7 --save run.tl --save-every 3")
    assert seen == [3, 6, 7]


def test_a_trainer_saved_from_python_can_be_gone_on_with(run):
    trainer = tl.Trainer(tl.nn.Sequential(tl.nn.Linear(2, 2)), "classification", "adam")
    trainer.fit(tl.data.moons(), steps=3, progress=False)
    tl.save("run.tl", trainer)
    code, out, err = run("--load run.tl --model linear --steps 2")
    assert (code, err) == (0, "") and "3 steps are done, 2 to go" in out
    code, _, err = run("--load run.tl --steps 2")
    assert code == 2 and "another model" in err


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_ctrl_c_saves_what_was_learned(tmp_path):
    command = [sys.executable, "-m", "torchlean_nb.cli", *"train --steps 1000000 --log-every 10 --save run.tl".split()]
    # A shell has its background jobs ignore Ctrl-C, and their children inherit that.
    heed = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, cwd=tmp_path, preexec_fn=heed, **pipes) as child:
        assert any("step 20:" in line for line in iter(child.stdout.readline, ""))
        child.send_signal(signal.SIGINT)
        out, err = child.communicate(timeout=60)
    assert (child.returncode, err) == (130, "") and "interrupted" in out
    steps = int(re.search(r"saved to run.tl, (\d+) steps", out).group(1))
    assert tl.load(tmp_path / "run.tl")["step"] == steps >= 20


# -- words -----------------------------------------------------------------------------------------
REFUSED = {
    "--backend fast": "unknown --backend fast (supported: eager | compiled)",
    "--device tpu": "device 'tpu' is not available",
    "--device toaster": "unknown --device toaster (supported: auto | cpu | cuda | ",
    "--dtype float8": "unknown --dtype float8 (supported: float64 | float32 | float)",
    "--optim adm": "bad --optim adm; expected sgd, adagrad, rmsprop, adam, adamw, or adadelta",
    "--optim adam:bta1=0.5": "there is no option 'bta1'",
    "--optim adam:beta1=3": "beta1=3 is not allowed",
    "--optim adam:beta1": "is not of the form KEY=VALUE",
    "--steps 0": "torchlean-nb train: --steps must be > 0",
    "--steps many": "--steps: 'many' is not a whole number",
    "--batch-size -3": "--batch-size must be > 0",
    "--seed -1": "--seed must be >= 0",
    "--lr 0": "--lr must be > 0",
    "--lr nan": "--lr must be > 0",
    "--lr fast": "--lr: 'fast' is not a number",
    "--validation 1.5": "--validation must be < 1",
    "--steps 3 --epochs 2": "--steps and --epochs: one of them",
    "--hidden 3,x": "--hidden: 'x' is not a whole number",
    "--schedule cosne": "unknown --schedule cosne; did you mean cosine?",
    "--schedule step_decay": "--schedule step_decay needs size: --schedule step_decay:size=...",
    "--activation rellu": "unknown --activation rellu; did you mean relu",
    "--model mpl": "unknown --model mpl; did you mean mlp",
    "--model cnn": "--model cnn needs images",
    "--data dgits": "unknown --data dgits; did you mean digits",
    "--data moons:m=3": "unexpected keyword argument 'm'",
    "--data iris:test=0.5": "--validation SHARE holds rows out",
    "--data no.csv": "which column is to be learned?",
    "--data no.csv --label a --target b": "one of them, not both",
    "--data no.csv --label kind": "there is no such file",
    "--label kind": "--label and --target are for CSV files",
    "--loss mze": "mze",
    "--save no/run.tl": "making the folder",
    "--save .": "is a directory",
    "--save-every 5": "--save FILE must say where",
    "--save-params p.bin": ".json for TorchLean's format, or .safetensors",
    "--load no.tl": "there is no such file",
    "--load-params no.json": "ParamIO: load failed for",
    "--load net.tl": "it holds Module, not a run",
    "--load none.tl": "its notes are not those of torchlean-nb train",
    "--load bad.tl": "--batch-size: 'x' is not a whole number",
    "--load empty.tl": "it does not say how many steps are done",
    "--save /dev/null": "is not a regular file",
    "--load odd.tl": "its notes are not those of torchlean-nb train",
}  # fmt: skip


@pytest.mark.parametrize("line", REFUSED)
def test_what_makes_no_sense_is_said_in_one_line_and_nothing_is_written(line, run, tmp_path):
    tl.save("net.tl", tl.nn.Linear(2, 1).bind(tl.Session()))
    notes = {"odd.tl": {"run": "rm"}, "none.tl": {"data": None}, "bad.tl": {"batch-size": "x"}}
    for name, command in notes.items():
        tl.save(name, tl.Trainer(tl.nn.Linear(2, 2)), meta={"command": command})
    tl.save("empty.tl", tl.saving.Checkpoint("Trainer", {}))
    before = sorted(tmp_path.iterdir())
    code, out, err = run(line)
    assert (code, out) == (2, "")
    assert REFUSED[line] in err
    assert err.startswith("torchlean-nb train: ") and err.count("\n") == 1
    assert sorted(tmp_path.iterdir()) == before


def test_a_training_that_diverges_says_so_and_fails(run):
    code, out, err = run("--data diabetes --optim sgd --lr 1e6 --steps 50 --save run.tl")
    assert (code, err) == (1, "") and "diverged: step" in out
    assert tl.load("run.tl")["step"] < 50


@pytest.mark.parametrize("argv", [["--bogus", "3"], ["--steps"], ["--progress", "--no-progress"]])
def test_unknown_flags_point_to_the_help(argv, capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main(["train", *argv])
    assert stop.value.code == 2
    assert "torchlean-nb train --help shows all flags" in capsys.readouterr().err


def test_a_flag_of_other_programs_is_told_its_name_here(capsys):
    with pytest.raises(SystemExit):
        cli.main(["train", "--resume", "run.tl"])
    assert "--load FILE takes a saved run up again" in capsys.readouterr().err


def test_the_help_names_every_flag_and_fits_a_terminal(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit) as stop:
        cli.main(["train", "--help"])
    out = capsys.readouterr().out
    assert stop.value.code == 0
    assert all(f"--{name} " in out for name in SETTINGS)
    assert max(map(len, out.splitlines())) <= 90
    assert "examples:" in out and parser().prog in out


def test_options_after_a_colon():
    assert named("optim", "adam") == ("adam", {})
    assert named("optim", "adamw:betas=(0.9, 0.95),amsgrad=True,mode=exp_range") == (
        "adamw", {"betas": (0.9, 0.95), "amsgrad": True, "mode": "exp_range"})
    assert named("x", "multistep:milestones=[10, 20],gamma=1e-1")[1] == {"milestones": [10, 20], "gamma": 0.1}


def test_targets_of_a_table_are_learned_in_units_of_their_deviation(run, tmp_path):
    x = np.linspace(-1, 1, 40)
    (tmp_path / "d.csv").write_text("x,y\n" + "".join(f"{a},{3000 * a + 50000}\n" for a in x.tolist()))
    code, out, _ = run("--data d.csv --target y --model linear --optim sgd --lr 0.3 --epochs 60")
    assert code == 0 and "; losses are of targets less " in out
    assert float(re.search(r"mean_loss\(held out\) = (\S+)", out).group(1)) < 1e-3
