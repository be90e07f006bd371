"""Tests that do not run on a device other than the CPU: part of a node id, and why."""

FLOATS = "Python floats stand in for arrays of one number on the CPU only"
AT_ONCE = "the trace of a device's session is written down at once"
NOWHERE_ELSE = "what travels names its device, and a process that was not forked has no stand-in"

SKIPS: dict[str, str] = {
    "api/test_tracebacks.py::test_the_lines_of_the_user_and_the_message": "the stand-in's own lines are nobody's",
    "engine/test_lone_numbers.py": FLOATS,
    "test_a_program_of_lone_numbers_has_lines_and_no_arrays": FLOATS,
    "test_what_computes_nothing_has_no_row": FLOATS,
    "trace/test_outline.py": AT_ONCE,
    "compiler/test_scalars.py::test_the_source_is_plain_python": FLOATS,
    "get_shorter[<lambda>1]": "sums as products with ones are shorter where a plain sum is one, on the CPU",
    "race/test_sweep.py::test_processes_give_the_same": NOWHERE_ELSE,
    "reliability/test_threads.py::test_what_can_be_pickled_goes_on_the_same_in_another_process[spawn]": NOWHERE_ELSE,
    "saving/test_resume.py::test_every_optimizer_and_schedule_goes_on": NOWHERE_ELSE,
}
