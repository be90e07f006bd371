"""Mistakes about graphs, tapes and sums of gradients: lessons 00 to 03."""

from torchlean_nb.lessons.row import Misconception

MISTAKES: dict[str, Misconception] = {
    "M1": Misconception(
        "Backward only finds derivatives. A parameter moves when an update assigns to it, and not before.",
        "lesson 00, Train it",
    ),
    "M2": Misconception(
        "Backward uses the values that forward wrote down. Changing a parameter later does not change the record.",
        "lesson 02, Break it",
    ),
    "M4": Misconception(
        "Whether gradients of two sweeps are added up is a decision of whoever stores them. Find out what is kept, "
        "what is cleared and what is overwritten between the sweeps.",
        "lesson 03, Do it in code",
    ),
    "M5": Misconception(
        "A contribution got lost. Everything that reaches a node by different paths is added up.",
        "lesson 03, Explain",
    ),
    "M6": Misconception(
        "The local derivative was read from the wrong slot. A product needs its other factor, exp needs its "
        "output, sin needs its input.",
        "lesson 01, Break it",
    ),
    "M10": Misconception(
        "Frameworks that free the tape while they read it refuse a second reading. Nothing in the mathematics does, "
        "and this tape stays until reset_tape().",
        "lesson 02, Transfer",
    ),
    "chain": Misconception(
        "A factor is missing. Along a path every local derivative is multiplied, from the output to the variable.",
        "lesson 01, Explain",
    ),
    "along": Misconception(
        "Along one path local derivatives are multiplied. Only different paths are added.",
        "lesson 01, Explain",
    ),
    "paths": Misconception(
        "Different paths are added. Only along one path local derivatives are multiplied.",
        "lesson 01, Explain",
    ),
    "power": Misconception(
        "The derivative of a square has the exponent as a factor in front.",
        "lesson 01, Explain",
    ),
    "sign": Misconception(
        "The size is fine, the sign is not. Move the variable up a little and ask which way the result goes.",
        "lesson 01, Explain",
    ),
    "value": Misconception(
        "That is a value on the way forward. Asked is how fast the output changes.",
        "lesson 01, Step",
    ),
    "data": Misconception(
        "Data has a derivative too, as soon as the output depends on it. Whether anybody wants it is another matter.",
        "lesson 01, Step",
    ),
    "tree": Misconception(
        "Using a value twice does not write it twice. The graph is not a tree: two arrows may leave one node.",
        "lesson 02, Step",
    ),
    "leaves": Misconception(
        "Leaves stand on the tape too, before the operations that use them.",
        "lesson 02, Step",
    ),
    "parameters": Misconception(
        "Those are parameters, which exist with or without a tape. Asked is what forward has to keep for backward.",
        "lesson 02, Explain",
    ),
    "everything": Misconception(
        "Not every value is read again. Ask of each operation which of its slots its derivative needs.",
        "lesson 02, Explain",
    ),
    "input": Misconception(
        "The batch itself has to be kept: the derivative of a matrix product reads the other factor.",
        "lesson 02, Explain",
    ),
    "loss": Misconception(
        "The loss keeps something as well: one probability per class and sample.",
        "lesson 02, Explain",
    ),
    "batch": Misconception(
        "That is for one sample. What forward keeps grows with the size of the batch.",
        "lesson 02, Explain",
    ),
    "forward": Misconception(
        "That is an order for writing. Backward begins at the output, the only node whose gradient is known.",
        "lesson 02, Explain",
    ),
    "early": Misconception(
        "A node was visited before its gradient was complete. It has to wait for everyone who used it.",
        "lesson 02, Explain",
    ),
    "again": Misconception(
        "A node passed its gradient on once per use. It waits until all has arrived, then passes the sum on once.",
        "lesson 03, Explain",
    ),
    "seed": Misconception(
        "The seed was added up too. Each sweep sets the gradient of the output to one.",
        "lesson 03, Do it in code",
    ),
}
