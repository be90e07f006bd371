"""A real JupyterLab with settings of its own, in a folder of notebooks."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from _waiting import until

SPEC = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
READY = """() => {
  const panel = window.jupyterapp && window.jupyterapp.shell.currentWidget;
  const s = panel && panel.sessionContext;
  return !!s && s.isReady && s.session.kernel.connectionStatus === 'connected' && s.session.kernel.status === 'idle';
}"""
# A command that hangs would hang the test: it races against a clock.
RUN = """([name, cell]) => { const app = window.jupyterapp;
  if (cell !== null) app.shell.currentWidget.content.activeCellIndex = cell;
  return Promise.race([app.commands.execute(name).then(() => 'ran'),
                       new Promise(done => setTimeout(() => done('timed out'), 120000))]); }"""


@dataclass(frozen=True)
class Lab:
    """A server that runs, and the folder it serves."""

    address: str
    folder: Path

    def write(self, name: str, *sources: str) -> str:
        """Put a notebook with these cells into the folder; its address."""
        blank = {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None}
        cells = [blank | {"id": f"c{i}", "source": text} for i, text in enumerate(sources)]
        book = {"nbformat": 4, "nbformat_minor": 5, "metadata": SPEC, "cells": cells}
        (self.folder / f"{name}.ipynb").write_text(json.dumps(book), encoding="utf-8")
        return f"{self.address}/lab/tree/{name}.ipynb?reset"

    def open(self, page, name: str, *sources: str) -> None:
        """Open a notebook with these cells and wait until its kernel does."""
        page.goto(self.write(name, *sources))
        page.wait_for_function(READY, timeout=60_000)


def answers(page, cell: int, says) -> None:
    """Run a cell until what it prints is so: what a widget tells its kernel comes when it comes."""
    printed = page.locator(".jp-OutputArea-output").nth(cell)

    def so() -> bool:
        run(page, "notebook:run-cell", cell)
        return says(printed.inner_text())

    until(page, so)


def run(page, command: str = "notebook:run-all-cells", cell: int | None = None) -> None:
    """Run a command of JupyterLab to its end, on a cell."""
    assert page.evaluate(RUN, [command, cell]) == "ran"


@contextmanager
def served(folder: Path):
    """Run a JupyterLab over a folder; it reads no settings from elsewhere, and finds a port that is free."""
    private = {n: str(folder / n.lower()) for n in (
        "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "JUPYTERLAB_SETTINGS_DIR",
        "JUPYTERLAB_WORKSPACES_DIR", "IPYTHONDIR",
    )}  # fmt: skip
    settings = {
        "@jupyter-widgets/jupyterlab-manager/plugin": {"saveState": True},
        "@jupyterlab/notebook-extension/tracker": {"windowingMode": "none", "maxNumberOutputs": 1000},
    }
    for name, chosen in settings.items():
        file = Path(private["JUPYTERLAB_SETTINGS_DIR"]) / f"{name}.jupyterlab-settings"
        file.parent.mkdir(parents=True)
        file.write_text(json.dumps(chosen), encoding="utf-8")
    here = [os.getcwd(), str(Path(__file__).parent), os.environ.get("PYTHONPATH")]
    options = [
        "--no-browser", "--allow-root", "--ServerApp.ip=127.0.0.1", "--IdentityProvider.token=",
        "--LabApp.expose_app_in_browser=True", "--LabApp.news_url=None", f"--ServerApp.root_dir={folder}",
    ]  # fmt: skip
    log = folder / "server.log"
    with open(log, "wb") as out:
        server = subprocess.Popen([sys.executable, "-m", "jupyterlab", *options], stdout=out, stderr=out, cwd=folder,
                                  env=os.environ | private | {"PYTHONPATH": os.pathsep.join(filter(None, here))})
    told = Path(private["JUPYTER_RUNTIME_DIR"]) / f"jpserver-{server.pid}.json"
    try:
        for _ in range(240):
            try:
                address = f"http://127.0.0.1:{json.loads(told.read_text(encoding='utf-8'))['port']}"
                urllib.request.urlopen(address + "/api", timeout=10).close()
                break
            except (OSError, ValueError):  # it has not told yet, or not the whole
                assert server.poll() is None, log.read_text(errors="replace")
                time.sleep(0.5)
        else:
            raise AssertionError("JupyterLab did not start: " + log.read_text(errors="replace")[-2000:])
        yield Lab(address, folder)
    finally:
        server.terminate()
        server.wait(timeout=30)
