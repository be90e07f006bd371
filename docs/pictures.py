"""Make the pictures of the README from the real widgets: ``python docs/pictures.py``.

Needs the `browser` extra and a Chromium (`CHROMIUM` names another one than the system's).
Writes into ``docs/img``: ``stepper.gif``, and ``stepper``, ``designer``, ``anatomy``, ``dashboard``, ``boundary``,
``program``, ``arena``, ``leaderboard`` and ``landscape``, light and ``_dark``. A name after
the command makes that picture only.
"""

import io
import os
import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image
from playwright.sync_api import Browser, sync_playwright

import torchlean_nb as tl

OUT = Path(__file__).parent / "img"
WIDTH, HEIGHT = 740, 640
POSTER = 22


def two_layers() -> tl.GraphTrace:
    """A small classifier with a penalty, so that one parameter gets its gradient along two paths."""
    s = tl.Session(seed=0)
    x = s.input([[1.0, 0.2], [0.3, -1.1], [-0.8, 0.7], [-0.4, -0.6]], name="x")
    w1 = s.param([[0.0, 0.24, -0.22], [-0.71, -0.36, -0.79]], name="W1")
    b1 = s.param([0.1, -0.2, 0.0], name="b1")
    w2 = s.param([[0.05, 1.21], [-0.44, -0.56], [0.44, 0.32]], name="W2")
    h = np.tanh((x @ w1 + b1).named("a")).named("h")
    ce = tl.cross_entropy((h @ w2).named("z"), np.array([0, 1, 1, 0])).named("ce")
    penalty = tl.scale((w2 * w2).sum(), c=0.05).named("r")
    return s.trace((ce + penalty).named("L"), title="Two layers, one step")


def three_rates() -> tl.widgets.ScheduleDesigner:
    """Three learning rates of one length, one of them made of two parts."""
    s = tl.schedules
    parts = s.join([s.linear_warmup(0.08, 30), s.cosine(0.08, total=120)], [30])
    rates = {"cosine": s.warmup_cosine(0.1, 20, 200), "stairs": s.step_decay(0.1, 60, gamma=0.5), "joined": parts}
    return tl.widgets.ScheduleDesigner(rates, steps=200, title="Three learning rates", state={"at": 57})


def three_updates() -> tl.widgets.UpdateAnatomy:
    """Three steps of AdamW on four coordinates whose gradients differ by a factor of a thousand."""
    opt = tl.optim.AdamW({"w": np.array([0.8, -1.2, 0.05, 3.0])}, lr=0.01, weight_decay=0.1)
    steps = []
    for g in ([0.42, 0.05, 0.0021, -0.3], [0.36, -0.42, 0.0020, 0.25], [0.31, -4.2, 0.0025, -0.12]):
        opt.step({"w": np.array(g)})
        steps.append(opt.explain("w"))
    return tl.widgets.UpdateAnatomy(steps, state={"at": 1})


def three_runs() -> tl.widgets.TrainingDashboard:
    """Three optimizers on the digits, with the same data order and the same schedule."""
    train, held = tl.data.load_digits().split(0.25, seed=0)
    model = tl.nn.Sequential(tl.nn.Linear(64, 32), tl.nn.ReLU(), tl.nn.Linear(32, 10))
    rate = tl.schedules.warmup_cosine(0.01, warmup=20, total=200)
    runs = {}
    for name in ("adam", "sgd", "rmsprop"):
        trainer = tl.Trainer(model, "classification", name, schedule=rate)
        runs[name] = trainer.fit(train, steps=200, validation=held, validate_every=20, progress=False).run
    return tl.widgets.TrainingDashboard(runs)


def two_moons() -> tl.widgets.DecisionBoundary:
    """A small network that learns to tell two moons apart."""
    moons = tl.data.moons(200, noise=0.15, seed=0)
    model = tl.nn.Sequential(tl.nn.Linear(2, 16), tl.nn.Tanh(), tl.nn.Linear(16, 2))
    film = tl.train.BoundaryRecorder(moons)
    trainer = tl.Trainer(model, "classification", "adam", schedule=0.02)
    trainer.fit(moons, epochs=30, callbacks=film, progress=False)
    return tl.widgets.DecisionBoundary(film)


def two_schedules() -> tl.widgets.ProgramView:
    """Loss and gradient of a small classifier, compiled."""
    rng = np.random.default_rng(0)

    def loss(W1, b1, W2, x, y):
        return tl.cross_entropy(tl.tanh(x @ W1 + b1) @ W2, y)

    weights = rng.normal(size=(2, 3)), np.zeros(3), rng.normal(size=(3, 2))
    p = tl.compile(loss, *weights, rng.normal(size=(4, 2)), np.array([0, 1, 1, 0]), argnums=(0, 1, 2))
    return tl.widgets.ProgramView(p.value_and_grad, step=21, title="Loss and gradient, compiled")


def six_optimizers() -> tl.widgets.RaceArena:
    """Six optimizers in Rosenbrock's valley, taken apart at step 60."""
    return tl.widgets.RaceArena(step=60, state={"chosen": 1})


def three_judged() -> tl.widgets.Leaderboard:
    """Three optimizers on a surface and on the digits, judged alike."""
    names = ["sgd", "momentum", "adam"]
    return tl.race.fair(names, on=["rosenbrock", "digits_mlp"], seeds=3, progress=False).show()


def one_plane() -> tl.widgets.LandscapeExplorer:
    """The path of a training on the digits over the plane of its two principal components."""
    train = tl.data.load_digits().split(0.25, seed=0)[0]
    model = tl.nn.Sequential(tl.nn.Linear(64, 32), tl.nn.ReLU(), tl.nn.Linear(32, 10))
    path = tl.landscape.Trajectory()
    trainer = tl.Trainer(model, "classification", "adam", schedule=0.01)
    trainer.fit(train, epochs=5, batch_size=64, callbacks=path, progress=False)
    return tl.landscape(trainer, train, plane=["pca", "random"], trajectory=path, progress=False).show()


def still(browser: Browser, widget: tl.widgets.base.View, file: Path) -> None:
    """A widget as it opens, light and dark."""
    widget.to_html(file)
    for scheme, end in (("light", ""), ("dark", "_dark")):
        page = browser.new_page(
            viewport={"width": WIDTH, "height": HEIGHT}, device_scale_factor=2, color_scheme=scheme
        )
        page.goto(file.as_uri())
        page.wait_for_timeout(300)
        page.locator(".tl").first.screenshot(path=OUT / f"{file.stem}{end}.png")
        page.close()


STILLS = {"designer": three_rates, "anatomy": three_updates, "dashboard": three_runs, "boundary": two_moons,
          "program": two_schedules, "arena": six_optimizers, "leaderboard": three_judged,
          "landscape": one_plane}  # fmt: skip


def main(wanted: list[str]) -> None:
    """Make all pictures, or those that are wanted."""
    OUT.mkdir(exist_ok=True)
    browser_path = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as p:
        browser = p.chromium.launch(executable_path=browser_path, args=["--no-sandbox"])
        if not wanted or "stepper" in wanted:
            stepper(browser, Path(folder) / "stepper.html")
        for name, make in STILLS.items():
            if not wanted or name in wanted:
                still(browser, make(), Path(folder) / f"{name}.html")
        browser.close()


def stepper(browser: Browser, file: Path) -> None:
    """The stepper at one step, light and dark, and all of its steps as a film."""
    trace = two_layers()
    trace.to_html(str(file))
    for scheme, name in (("light", "stepper.png"), ("dark", "stepper_dark.png")):
        page = browser.new_page(
            viewport={"width": WIDTH, "height": HEIGHT}, device_scale_factor=2, color_scheme=scheme
        )
        page.goto(file.as_uri())
        page.get_by_role("slider", name="Step").fill(str(min(POSTER, trace.steps)))
        page.wait_for_timeout(200)
        page.locator(".tl").first.screenshot(path=OUT / name)
        page.close()
    page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}, color_scheme="light")
    page.goto(file.as_uri())
    frames = []
    for k in range(1, trace.steps + 1):
        page.get_by_role("slider", name="Step").fill(str(k))
        page.wait_for_timeout(60)
        frames.append(Image.open(io.BytesIO(page.locator(".tl").first.screenshot())).convert("RGB"))
    save_gif(frames, OUT / "stepper.gif")


def save_gif(frames: list[Image.Image], path: Path) -> None:
    """One palette for all frames, taken from the last, on a common canvas."""
    size = (max(f.width for f in frames), max(f.height for f in frames))
    canvas = []
    for f in frames:
        c = Image.new("RGB", size, "white")
        c.paste(f)
        canvas.append(c)
    palette = canvas[-1].quantize(64)
    small = [c.quantize(palette=palette, dither=Image.Dither.NONE) for c in canvas]
    small[0].save(
        path, save_all=True, append_images=small[1:], duration=[700] * (len(small) - 1) + [2500], loop=0, optimize=True
    )


if __name__ == "__main__":
    main(sys.argv[1:])
