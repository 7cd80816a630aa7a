import progress from "cli-progress";
import type { Progress } from "../scoring/load_options.ts";
import type { Output } from "./output.ts";
import { visibleLine } from "./visible_text.ts";

/** How far a command has come, shown in one line of standard error where that is a terminal. */
export interface ProgressBar extends Disposable {
  /**
   * Shows where things stand.
   *
   * @param label What is being done; a new label starts a new bar.
   * @param done How much of it is done.
   * @param total How much there is, in the same unit; `undefined` where nobody knows.
   * @param secondsLeft Time left until all is done, where the work itself tells it: more than this bar may
   *   be to come.
   * @param unit `bytes` shows how many there are, beside their share.
   */
  update(
    label: string,
    done: number,
    total: number | undefined,
    secondsLeft?: number | undefined,
    unit?: "bytes",
  ): void;
  /** Removes the bar; the next update shows it again. */
  clear(): void;
}

/**
 * A progress bar on standard error; shows nothing where that is no terminal. Disposing of it removes
 * the bar.
 *
 * @param output Where the bar is shown.
 */
export function progressBar(output: Output): ProgressBar {
  if (!output.stderr.isTerminal) return { update() {}, clear() {}, [Symbol.dispose]() {} };
  let bar: progress.SingleBar | undefined;
  let shown: string | undefined;
  const stop = () => {
    bar?.stop();
    bar = undefined;
  };
  return {
    update(name, done, total, secondsLeft, unit): void {
      const label = visibleLine(name);
      if (label !== shown) stop();
      shown = label;
      if (bar === undefined) {
        bar = newBar(output, label, total, secondsLeft !== undefined, unit);
        bar.start(total ?? 0, done, { told: timeTold(secondsLeft) });
      } else {
        if (total !== undefined && total !== bar.getTotal()) bar.setTotal(total);
        bar.update(done, { told: timeTold(secondsLeft) });
      }
    },
    clear: stop,
    [Symbol.dispose]: stop,
  };
}

function newBar(
  output: Output,
  label: string,
  total: number | undefined,
  isTold: boolean,
  unit: "bytes" | undefined,
): progress.SingleBar {
  const amount = unit === undefined ? "{percentage}%" : "{value} of {total}";
  const stream = {
    isTTY: true,
    columns: output.stderr.columns,
    write(text: string): boolean {
      output.stderr.write(new TextEncoder().encode(text)).catch(() => {});
      return true;
    },
  };
  return new progress.SingleBar({
    stream: stream as unknown as NodeJS.WritableStream,
    format: isTold
      ? `${label} {value} of {total} {bar} | {told} left`
      : total === undefined
      ? `${label} {value}`
      : `${label} {bar} ${amount} | {eta_formatted} left`,
    ...(unit !== undefined && { formatValue: bytesValue }),
    formatTime,
    barsize: 30,
    forceRedraw: true, // results and notes wipe it away
    clearOnComplete: true,
    hideCursor: false, // an interrupted run would leave the cursor hidden
    gracefulExit: false, // the commands themselves decide what an interrupt does
  }, progress.Presets.shades_classic);
}

/** Time left as the work told it. */
function timeTold(seconds: number | undefined): string {
  return formatTime(Math.round(seconds ?? NaN), { autopaddingChar: "" } as progress.Options, 1);
}

/** Where streamed layers are, in the bar. */
export function showWave(bar: ProgressBar, { wave }: Progress): void {
  if (wave === undefined) return;
  const { wave: number, waves, layer, layers, secondsLeft } = wave;
  const of = waves === undefined ? "" : ` of ${waves}`;
  bar.update(`wave ${number}${of}, layer`, layer, layers, secondsLeft ?? NaN);
}

/** Time left; the package gives a word in place of a number while it can't tell, and formats that too. */
function formatTime(seconds: number, options: progress.Options, roundTo: number): string {
  return Number.isFinite(seconds) ? progress.Format.TimeFormat(seconds, options, roundTo) : "?";
}

/** The package formats shares by the same function; those stay as they are. */
function bytesValue(value: number, _options: unknown, type: string): string {
  return type === "value" || type === "total" ? bytesText(value) : `${value}`;
}

const byteUnits = ["bytes", "kB", "MB", "GB", "TB"];

/** A number of bytes for people, in the decimal units that downloads are told in. */
export function bytesText(bytes: number): string {
  const power = bytes < 1000
    ? 0
    : Math.min(byteUnits.length - 1, Math.floor(Math.log10(bytes) / 3));
  const value = bytes / 1000 ** power;
  return `${power === 0 ? value : value.toFixed(1)} ${byteUnits[power]}`;
}
