import type { ReadRow } from "../../data/rows.ts";
import type { LoadScorer } from "../../tasks/score/open_scorer.ts";
import { scoreRows } from "../../tasks/score/score_rows.ts";
import { fromHub } from "../from_hub.ts";
import { listenForInterrupt } from "../interrupt.ts";
import { loadOptions, type ModelFlags } from "../model_options.ts";
import type { Output } from "../output.ts";
import type { ProgressBar } from "../progress_bar.ts";

/** Rows with a model's scores; ends early, with a warning, on Ctrl-C. */
export async function* scoredFirst(
  rows: AsyncIterable<ReadRow>,
  model: string,
  flags: ModelFlags,
  output: Output,
  bar: ProgressBar,
  load: LoadScorer,
): AsyncGenerator<ReadRow> {
  using interrupt = listenForInterrupt();
  const { signal } = interrupt;
  const pinned = await fromHub(model, output, bar, signal);
  using scorer = await load(pinned, { ...loadOptions(flags, output, bar), signal });
  let line = 0;
  try {
    for await (const { row } of scoreRows(rows, scorer, { signal })) {
      yield { line: ++line, row, error: undefined };
      await interrupt.breathe();
    }
  } catch (error) {
    if (!signal.aborted) throw error;
    await output.warn("interrupted: the rows that follow are not evaluated");
    output.rowFailed();
  }
}
