"""Tests that do not run on a device other than the CPU: part of a node id, and why."""

PASTED = "text that is pasted is called with NumPy arrays"
STRAIGHT = "it counts updates that are lines of a program; on a device they are a launch of their own"

SKIPS: dict[str, str] = {
    "engine/test_lone_numbers.py": "Python floats stand in for arrays of one number on the CPU only",
    "test_a_program_of_lone_numbers_has_lines_and_no_arrays": "Python floats stand in for arrays on the CPU only",
    "test_the_source_is_plain_python_and_gives": "Python floats stand in for arrays on the CPU only",
    "test_what_computes_nothing_has_no_row": "Python floats stand in for arrays on the CPU only",
    "get_shorter[<lambda>1]": "sums as products with ones are shorter where a plain sum is one, on the CPU",
    "compiler/test_derivatives.py::test_a_derivative_is_a_program_with_a_source_of_its_own": PASTED,
    "compiler/test_program.py::test_the_source_runs_when_it_is_pasted": PASTED,
    "compiler/test_program.py::test_a_choice_among_many_numbers": PASTED,
    "compiler/test_session.py::test_its_program_can_be_read": PASTED,
    "compiler/test_scalars.py::test_the_source_is_plain_python": "Python floats stand in for arrays on the CPU only",
    "train/test_compiled.py::test_a_fused_optimizer_leaves_the_bits": STRAIGHT,
    "train/test_compiled.py::test_a_parameter_that_is_frozen_on_the_way_stays": STRAIGHT,
    "saving/test_resume.py::test_every_optimizer_and_schedule_goes_on": "the other process computes on the CPU",
}
