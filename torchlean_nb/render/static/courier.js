// How a widget asks Python for edits.

const SILENT_MS = 4000;

/** Edits on their way to Python: one at a time; of a drag, which shares a tag, only the latest waits. */
export function courier(send, silent) {
  let serial = Math.floor(Math.random() * 1e9),
    under = null,
    timer = 0;
  const queue = [];
  const next = () => {
    clearTimeout(timer);
    under = queue.shift() || null;
    if (!under) return;
    timer = setTimeout(silent, SILENT_MS);
    send({ kind: "edit", ...under, serial: ++serial });
  };
  return {
    ask(edit) {
      const last = queue.at(-1);
      if (last && edit.tag && last.tag === edit.tag) queue[queue.length - 1] = edit;
      else queue.push(edit);
      if (!under) next();
    },
    /** The answer to `n` is here; one to an edit of before is none. */
    answered(n) {
      if (under && n === serial) next();
    },
    /** Edits that Python has not answered. */
    waiting: () => (under ? [under, ...queue] : []),
    stop: () => clearTimeout(timer),
  };
}
