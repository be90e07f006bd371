"""Stop pressed at a chosen instruction, so that an interrupt test is the same on every run."""


class Stop:
    """Raises KeyboardInterrupt at the n-th instruction that the toolkit executes: Stop pressed at that moment."""

    def __init__(self, n):
        self.left = n

    def __call__(self, frame, event, arg):
        if "torchlean_nb" not in frame.f_code.co_filename:
            return None
        frame.f_trace_opcodes = True
        if event == "opcode":
            self.left -= 1
            if self.left == 0:
                raise KeyboardInterrupt
        return self
