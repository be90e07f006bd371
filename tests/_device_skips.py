"""Tests that do not run on a device other than the CPU: part of a node id, and why."""

SKIPS: dict[str, str] = {
    "engine/test_lone_numbers.py": "Python floats stand in for arrays of one number on the CPU only",
    "test_a_program_of_lone_numbers_has_lines_and_no_arrays": "Python floats stand in for arrays on the CPU only",
    "test_the_source_is_plain_python_and_gives": "Python floats stand in for arrays on the CPU only",
    "test_what_computes_nothing_has_no_row": "Python floats stand in for arrays on the CPU only",
    "get_shorter[<lambda>1]": "sums as products with ones are shorter where a plain sum is one, on the CPU",
    "compiler/test_scalars.py::test_the_source_is_plain_python": "Python floats stand in for arrays on the CPU only",
    "saving/test_resume.py::test_every_optimizer_and_schedule_goes_on":
        "a trainer's file names its device, and the other process has the CPU alone",
    "race/test_sweep.py::test_processes_give_the_same": "a network's trial names its device: others have no stand-in",
}
