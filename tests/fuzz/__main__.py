"""The session against its oracle at length: ``python -m tests.fuzz 500 100`` for so many runs of so many steps."""

import sys

from tests.fuzz.test_session_machine import CompiledMachine, Machine, run

if __name__ == "__main__":
    runs, steps = map(int, sys.argv[1:3] or (500, 100))
    for machine in (Machine, CompiledMachine):
        run(machine, runs, steps)
        print(f"{machine.backends[0]}: {runs} runs of {steps} steps agree with the oracle", flush=True)
