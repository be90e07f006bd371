"""``torchlean-nb train``: data, model, training, measurement and files in one line.

It is what a script with `Trainer` would do: same settings and seed, same numbers.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torchlean_nb as tl
from torchlean_nb.cli import machine
from torchlean_nb.cli.choices import build_model, build_rule, build_schedule, load_data, parted
from torchlean_nb.cli.flags import PROG, SETTINGS, Refused, read
from torchlean_nb.errors import TorchLeanError, quote
from torchlean_nb.saving.paths import new_path, trouble

STEPS, LINES = 500, 10
EXIT = {None: 0, "finished": 0, "stopped early": 0, "diverged": 1, "interrupted": 130}


def command(argv: Sequence[str]) -> int:
    """Train as the flags say. 0 when it went well, 1 when the training failed, 2 for a flag, 130 for Ctrl-C."""
    code = 2
    try:
        settings, options = read(argv)
        with machine.threads_of(options.pop("threads")):
            job = Job(settings, options)
            code = 1
            return job.run()
    except Refused as e:
        print(f"{PROG}: {e}", file=sys.stderr)
    except TorchLeanError as e:
        print(f"{PROG}: {_line(e)}", file=sys.stderr)
    except KeyboardInterrupt:
        print(f"{PROG}: interrupted", file=sys.stderr)
        return EXIT["interrupted"]
    return code


def _line(e: TorchLeanError) -> str:
    return "; ".join(line.strip() for line in str(e).splitlines())


class Job:
    """One training, with everything checked and nothing done yet."""

    def __init__(self, given: Mapping[str, Any], options: Mapping[str, Any]):
        self.options = options
        saved = tl.load(options["load"]) if options["load"] else None
        self.settings = settings = _settings(given, saved, options["load"])
        for flag in ("save", "save-params", "log"):
            _check_place(flag, options[flag])
        if saved is not None and options["load-params"]:
            raise Refused("--load and --load-params: the saved run has its parameters")
        if options["save-every"] and not options["save"]:
            raise Refused("--save-every says when, --save FILE must say where")
        data = load_data(settings)
        self.digest = data.digest
        if saved is not None and saved.meta.get("data", self.digest) != self.digest:
            raise Refused(f"--load {options['load']}: the data are not those of the saved run")
        self.train, self.held, told = parted(data, settings)
        done = saved.get("step") if saved is not None else 0
        if type(done) is not int:
            raise Refused(f"--load {options['load']}: it does not say how many steps are done")
        self.steps = self._steps(done)
        classes = (len(data.classes) if data.classes else int(data.y.max()) + 1) if data.y.dtype.kind in "iu" else None
        self.model, rule = build_model(settings, self.train, classes), build_rule(settings)
        lr = rule.resolve({})["lr"]
        settings["total"] = settings["total"] or done + self.steps
        task = settings["loss"] or ("classification" if classes else "regression")
        self.trainer = tl.Trainer(
            self.model, task, rule, build_schedule(settings, lr, settings["total"]),
            **{name: settings[name] for name in ("seed", "init", "backend", "device", "dtype")},
        )  # fmt: skip
        if saved is not None:
            self.trainer.load_state_dict(dict(saved))
        if options["load-params"]:
            _parameters("load", options["load-params"], self.trainer.runner.net)
        self.told = f"data: {settings['data']}, {told}" + (f"; {classes} classes" if classes else "")

    def _steps(self, done: int) -> int:
        options, settings = self.options, self.settings
        if options["epochs"]:
            return options["epochs"] * -(-len(self.train) // min(settings["batch-size"], len(self.train)))
        if options["steps"]:
            return options["steps"]
        if options["load"] and settings["total"] and settings["total"] <= done:
            raise Refused(f"--load {options['load']}: its {done} steps are done; --steps N says how many more")
        return (settings["total"] or done + STEPS) - done

    def run(self) -> int:
        """Train, measure, save, and say so."""
        options, settings, trainer = self.options, self.settings, self.trainer
        bar = options["progress"] if options["progress"] is not None else sys.stderr.isatty()
        every = options["log-every"] if options["log-every"] is not None else (not bar) * max(1, self.steps // LINES)
        config = trainer.config()
        shape = (min(settings["batch-size"], len(self.train)), *self.train.X.shape[1:])
        print(self.told)
        print(tl.nn.summary(self.model, shape).to_text())
        shown = ", ".join(f"{k}={v}" for k, v in trainer.optimizer.defaults.items())
        print(f"loss {config['loss']}; {config['optimizer']}({shown}); schedule {config['schedule']}\n"
              f"{config['backend']}, {config['device']}, {config['dtype']}, seed {config['seed']}")  # fmt: skip
        if trainer.step:
            print(f"{options['load']}: {trainer.step} steps are done, {self.steps} to go")
        result = trainer.fit(
            self.train, steps=self.steps, batch_size=min(settings["batch-size"], len(self.train)),
            update=settings["update"], validation=self.held, clip=settings["clip"], progress=bool(bar and not every),
            shuffle=settings["shuffle"] == "yes", early_stopping=settings["early-stopping"],
            callbacks=[self._told(every), self._kept(options["save-every"])],
        )  # fmt: skip
        if result.stopped:
            print(result.stopped + (f": {result.reason}" if result.reason else ""))
        print(result.summary())
        for name, data in (("train", self.train), ("held out", self.held)):
            if data is not None and result.stopped != "diverged":
                self._measure(name, data)
        self._write(result)
        return EXIT[result.stopped]

    def _told(self, every: int) -> Callable[[Any], None]:
        def tell(moment: Any) -> None:
            if every and moment.step % every == 0:
                print(f"step {moment.step}: loss={moment.values['loss']:.6g}", flush=True)

        return tell

    def _kept(self, every: int | None) -> Callable[[Any], None]:
        def keep(moment: Any) -> None:
            if every and (moment.step + 1) % every == 0:
                self._save()

        return keep

    def _save(self) -> None:
        tl.save(self.options["save"], self.trainer, meta={"command": self.settings, "data": self.digest})

    def _measure(self, name: str, data: Any) -> None:
        runner = self.trainer.runner
        print(f"mean_loss({name}) = {runner.mean_loss(data, 256):.6g}")
        if self.trainer.task.kind == "classification":
            print("accuracy({}) = {}/{}".format(name, *runner.accuracy(data)))

    def _write(self, result: Any) -> None:
        options, settings = self.options, self.settings
        if options["save"]:
            self._save()
            print(f"saved to {options['save']}, {self.trainer.step} steps")
        if options["save-params"]:
            _parameters("save", options["save-params"], self.trainer.runner.net)
            print(f"parameters written to {options['save-params']}")
        if options["log"]:
            log = replace(result.run.to_train_log(), title=f"{settings['data']}, {settings['model']}")
            log.write(options["log"])
            print(f"curves written to {options['log']}")


def _settings(given: Mapping[str, Any], saved: Any, file: str | None) -> dict[str, Any]:
    """Settings of the run: those saved, those given, and defaults; what was saved is not changed."""
    if saved is not None and saved.kind != "Trainer":
        raise Refused(f"--load {file}: it holds {saved.title}, not a run")
    kept = saved.meta.get("command", {}) if saved is not None else {}
    good = isinstance(kept, Mapping) and set(kept) <= set(SETTINGS)
    if not good or any(v is None and SETTINGS[k].default is not None for k, v in kept.items()):
        raise Refused(f"--load {file}: its notes are not those of {PROG}")
    # A file is read as carefully as a command line.
    kept = {k: None if v is None else SETTINGS[k].read(k, _text(v)) for k, v in kept.items()}
    for name, value in given.items():
        if name in kept and kept[name] != value and name != "backend":  # both give the same bits
            raise Refused(f"--{name} {_text(value)}: the run in {file} has --{name} {_text(kept[name])}")
    return {**{name: flag.default for name, flag in SETTINGS.items()}, **kept, **given}


def _text(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


def _check_place(flag: str, path: str | None) -> None:
    """A place that cannot be written is found out before hours of training."""
    if path is not None:
        whole = new_path(path, None, overwrite=True)
        if not whole.parent.is_dir():
            raise trouble(whole, "written", FileNotFoundError(2, "no such folder"))
        if flag == "save-params" and whole.suffix not in (".json", ".safetensors"):
            raise Refused(f"--save-params {quote(path, 60)[1:-1]}: .json for TorchLean's format, or .safetensors")


def _parameters(what: str, path: str, net: Any) -> None:
    if Path(path).suffix == ".json":
        getattr(tl.saving.paramio, what)(path, net)
    elif what == "load":
        tl.saving.tensors.load(path, into=net)
    else:
        tl.saving.tensors.save(path, net)
