import { AssayError } from "../error.ts";
import { onSignal } from "../runtime/process.ts";

/** A signal that Ctrl-C raises, once; a second Ctrl-C ends the process as always. */
export interface Interrupt extends Disposable {
  /** Aborted by the first Ctrl-C, with `cli/interrupted` as its reason. */
  readonly signal: AbortSignal;
  /** Lets a Ctrl-C be noticed in the middle of work that never waits; costs nothing in between. */
  breathe(): Promise<void>;
}

/** Milliseconds of work between two looks at the keyboard. */
const breathingTime = 50;

/** Listens for Ctrl-C until disposed of, so that a long run can end in order: what is done is written. */
export function listenForInterrupt(): Interrupt {
  const controller = new AbortController();
  const interrupted = () => {
    stop();
    controller.abort(
      new AssayError(
        "cli/interrupted",
        "Cannot go on: expected the work to be done first, found an interrupt (Ctrl-C); run the " +
          "same command again",
      ),
    );
  };
  const stop = onSignal("SIGINT", interrupted);
  let breathedAt = performance.now();
  return {
    signal: controller.signal,
    async breathe(): Promise<void> {
      if (performance.now() - breathedAt < breathingTime) return;
      await new Promise((resolve) => setTimeout(resolve));
      breathedAt = performance.now();
    },
    [Symbol.dispose](): void {
      if (!controller.signal.aborted) stop();
    },
  };
}
