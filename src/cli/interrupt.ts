/** A signal that Ctrl-C raises, once; a second Ctrl-C ends the process as always. */
export interface Interrupt extends Disposable {
  /** Aborted by the first Ctrl-C. */
  readonly signal: AbortSignal;
}

/** Listens for Ctrl-C until disposed of, so that a long run can end in order: what is done is written. */
export function listenForInterrupt(): Interrupt {
  const controller = new AbortController();
  const stop = () => Deno.removeSignalListener("SIGINT", interrupted);
  const interrupted = () => {
    stop();
    controller.abort();
  };
  Deno.addSignalListener("SIGINT", interrupted);
  return {
    signal: controller.signal,
    [Symbol.dispose](): void {
      if (!controller.signal.aborted) stop();
    },
  };
}
