"""Stop pressed at a chosen instruction, so that an interrupt test is the same on every run."""

import dis

# Python ends the handling of an exception with these. A real Stop never comes between them; one made by tracing would
# leave the thread with the exception still being handled, and every later test in it with that as its context.
_HANDLING = {dis.opmap[name] for name in ("POP_EXCEPT", "RERAISE", "PUSH_EXC_INFO", "COPY") if name in dis.opmap}


def _is_heard(frame):
    """Whether an exception raised here gets anywhere: Python drops what is raised in ``__del__``."""
    while frame is not None and frame.f_code.co_name != "__del__":
        frame = frame.f_back
    return frame is None


class Stop:
    """Raises KeyboardInterrupt at the n-th instruction that the toolkit executes: Stop pressed at that moment."""

    def __init__(self, n):
        self.left, self.pressed = n, False

    def __call__(self, frame, event, arg):
        if "torchlean_nb" not in frame.f_code.co_filename:
            return None
        frame.f_trace_opcodes = True
        if event == "opcode":
            self.left -= 1
            due = self.left <= 0 and not self.pressed and frame.f_code.co_code[frame.f_lasti] not in _HANDLING
            if due and _is_heard(frame):
                self.pressed = True
                raise KeyboardInterrupt
        return self
