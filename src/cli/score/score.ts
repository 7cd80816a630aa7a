import type { Command } from "commander";
import { AssayError } from "../../error.ts";
import type { BytesRead } from "../../data/input_bytes.ts";
import type { Row, RowFormat } from "../../data/rows.ts";
import { type AdapterFlags, addAdapterFlags, modelSpec } from "../adapter_options.ts";
import {
  delimiterOption,
  formatOption,
  inputFormatOption,
  outputFileOption,
} from "../arguments.ts";
import { benchmarkOption, laidOutRows } from "../benchmark_layout.ts";
import { checkOutputs } from "../check_outputs.ts";
import { readCalibrator } from "../../tasks/calibrate/calibrator_file.ts";
import { type ExplainFlag, ExplainingCommand, explainOption } from "./explain_option.ts";
import { HeatMap } from "./heat_map_page.ts";
import { addImplicitFlags, type ImplicitFlags, implicitSpec } from "./implicit_options.ts";
import { specFromHub } from "../from_hub.ts";
import { startReading } from "../input_rows.ts";
import { listenForInterrupt } from "../interrupt.ts";
import { addHeadFlags } from "../head_options.ts";
import { addModelFlags, loadOptions, type ModelFlags, modelMeaning } from "../model_options.ts";
import { computedWhere } from "../computed_where.ts";
import { Output } from "../output.ts";
import { type ProgressBar, progressBar, showWave } from "../progress_bar.ts";
import { rowOutput } from "../row_output.ts";
import { loaderFor } from "../watched_loader.ts";
import { writeTextFile } from "../../tasks/text_file.ts";
import { explainTokens } from "../../tasks/score/explain_tokens.ts";
import { type LoadScorer, openScorer, type ScorerSpec } from "../../tasks/score/open_scorer.ts";
import { scoreRows, type ScoreRowsOptions } from "../../tasks/score/score_rows.ts";
import { addServerFlags, expectNoServerFlags, type ServerFlags } from "./server_options.ts";
import { scoreTable } from "./score_table.ts";
import { writeScored } from "./write_scored.ts";

interface ScoreFlags extends ModelFlags, ImplicitFlags, AdapterFlags, ServerFlags {
  readonly explain?: ExplainFlag | undefined;
  readonly heatMap?: string | undefined;
  readonly calibrate?: string | undefined;
  readonly benchmark?: string | undefined;
  readonly format: "jsonl" | "table";
  readonly output?: string | undefined;
  readonly inputFormat?: RowFormat | undefined;
  readonly delimiter?: string | undefined;
}

const description = [
  "Scores rows with a reward model.",
  'INPUT is a file of rows: JSON Lines or CSV (also gzipped), or Parquet; "-" or nothing is standard ' +
  "input. A row holds one conversation (messages, or prompt and response), a pair (chosen and " +
  "rejected, with prompt unless they hold it) or candidates (prompt and responses).",
  "Rows come out in their order with every column they had, and: score (a pair: chosen_score, " +
  "rejected_score, margin; candidates: scores, and best, counted from 0), tokens (a pair: " +
  "chosen_tokens, rejected_tokens), and where they apply truncated, error, and score_std, how uncertain " +
  "the model's head is of a score.",
  "--calibrate adds the columns of `assay calibrate --apply`: calibrated_score (a pair: " +
  "chosen_calibrated_score, rejected_calibrated_score, calibrated_margin; candidates: " +
  "calibrated_scores, calibrated_best). Features are measured as there without --tokenizer.",
  "--server scores with servers that `assay serve` runs, and no model here: assay score --server URL " +
  "[--server URL …] [INPUT]. The output is that of one machine, byte for byte. With --output, a run that " +
  "was killed goes on when it is started again.",
].join("\n\n");

const examples = `
Examples:
  assay score ./ArmoRM-Llama3-8B-v0.1 conversations.jsonl > scored.jsonl
  assay score ./my-model pairs.parquet --explain --output scored.parquet
  assay score ./my-model pairs.jsonl --explain tokens --heat-map tokens.html > explained.jsonl
  assay score ./my-dpo-model pairs.jsonl --implicit --reference ./my-sft-model > scored.jsonl
  assay score ./my-model rm-bench.json --benchmark rm-bench > scored.jsonl
  assay score ./my-model hf:datasets/allenai/reward-bench-2:test > scored.jsonl
  assay score hf:Skywork/Skywork-Reward-V2-Qwen3-0.6B pairs.jsonl > scored.jsonl
  assay score ./my-base pairs.jsonl --adapter ./my-lora > scored.jsonl
  assay score ./my-model pairs.jsonl --calibrate calibrator.json > calibrated.jsonl
  assay score --server http://gpu1:8000 --server http://gpu2:8000 pairs.jsonl --output scored.jsonl
  cat rows.jsonl | assay score ./my-model --format table | head

Exit status: 0 all rows fine, 1 some rows failed (each has an error), 2 nothing could run.`;

/**
 * `assay score`: scores rows with a reward model.
 *
 * @param output Where output goes.
 * @param load Loads the reward model.
 */
export function scoreCommand(
  output: Output = Output.system(),
  load: LoadScorer = loaderFor(output),
): Command {
  const command = new ExplainingCommand("score")
    .summary("score rows with a reward model")
    .description(description)
    .argument("[model]", `${modelMeaning}; not with --server`)
    .argument("[input]", "file of rows, or hf:datasets/ORG/NAME[@REVISION][:SPLIT]", "-")
    .addOption(explainOption())
    .option("--heat-map <file>", "with --explain tokens: a page that shows them in colour (.html)")
    .addOption(benchmarkOption(
      "read rows as this benchmark or preference set publishes them (default: as the first row shows)",
      ["none"],
    ))
    .option("--calibrate <file>", "add calibrated scores, by what assay calibrate --fit saved")
    .addOption(formatOption())
    .addOption(outputFileOption())
    .addOption(inputFormatOption())
    .addOption(delimiterOption())
    .addHelpText("after", examples);
  addServerFlags(command);
  addAdapterFlags(addImplicitFlags(command), "LoRA adapter on the model");
  return addHeadFlags(addModelFlags(command)).action(
    async (model: string | undefined, input: string, flags: ScoreFlags) => {
      if (flags.server !== undefined) {
        const { scoreByServersCommand } = await import("./score_by_servers.ts");
        return await scoreByServersCommand(command, { model, input, flags }, output);
      }
      expectNoServerFlags(command);
      if (model === undefined) {
        throw new AssayError(
          "cli/usage",
          "Cannot score: expected a model, or --server with the address of one, found neither",
        );
      }
      await score(model, input, flags, output, load);
    },
  );
}

async function score(
  model: string,
  input: string,
  flags: ScoreFlags,
  output: Output,
  load: LoadScorer,
): Promise<void> {
  checkHeatMap(flags);
  const named: ScorerSpec = { ...modelSpec(model, flags), implicit: implicitSpec(flags) };
  await checkOutputs({
    inputs: [input, model, ...flags.adapter ?? [], flags.reference, flags.calibrate],
    outputs: [flags.output, flags.heatMap],
  });
  using interrupt = listenForInterrupt();
  using bar = progressBar(output);
  const bytes: { last?: BytesRead } = {};
  const onBytes = (read: BytesRead) => bytes.last = read;
  const read = await startReading(
    input,
    { format: flags.inputFormat, delimiter: flags.delimiter, onBytes },
    output,
    bar,
    interrupt.signal,
  );
  const rows = read && await laidOutRows(read, flags.benchmark, output);
  const calibrator = flags.calibrate === undefined
    ? undefined
    : await readCalibrator(flags.calibrate);
  const rowTable = calibrator === undefined
    ? scoreTable
    : (await import("../calibrate/calibrate_table.ts")).calibrateTable;
  if (rows === undefined) return await (await rowOutput(output, flags, rowTable)).close();
  const settings = { ...loadOptions(flags, output, bar), signal: interrupt.signal };
  const spec = await specFromHub(named, output, bar, interrupt.signal);
  using scorer = await openScorer(spec, settings, load);
  bar.clear();
  if (flags.explain === "parts" && scorer.parts.length === 0) {
    await output.warn(
      "the model's head has a score alone: --explain names the kernels and no more",
    );
  }
  const writer = await rowOutput(output, flags, rowTable);
  const heatMap = new HeatMap();
  const isByToken = flags.explain === "tokens";
  const options: ScoreRowsOptions = {
    explain: isByToken ? "tokens" : flags.explain !== undefined,
    calibrator,
    signal: interrupt.signal,
    onProgress: (progress) => showWave(bar, progress),
  };
  const onNote = (message: string) => void output.warn(message);
  const scores = isByToken ? explainTokens(scorer, { implicit: spec.implicit, onNote }) : scorer;
  const onRow = (row: Row, number: number): void => {
    if (flags.heatMap !== undefined) heatMap.add(row, number);
    showRows(bar, number, bytes.last);
  };
  const scored = scoreRows(rows, scores, options);
  const { tally } = await writeScored(scored, { output, writer, interrupt, onRow });
  bar.clear();
  if (flags.heatMap !== undefined) await writeHeatMap(heatMap, model, flags.heatMap, output);
  await output.note(tally.toString(computedWhere[scorer.backend]));
}

function showRows(bar: ProgressBar, rows: number, last: BytesRead | undefined): void {
  if (last?.byteLength === undefined) bar.update("rows scored", rows, undefined);
  else bar.update("scoring", last.read, last.byteLength);
}

/** A page without rewards would be empty. */
function checkHeatMap({ heatMap, explain }: ScoreFlags): void {
  if (heatMap === undefined) return;
  const isPage = /\.html?$/i.test(heatMap);
  if (isPage && explain === "tokens") return;
  throw new AssayError(
    "cli/usage",
    isPage
      ? "Cannot draw a heat map: --heat-map needs --explain tokens"
      : `Cannot draw a heat map: expected a file that ends in .html, found ${heatMap}`,
  );
}

async function writeHeatMap(
  heatMap: HeatMap,
  model: string,
  file: string,
  output: Output,
): Promise<void> {
  await writeTextFile(file, heatMap.page(model));
  if (heatMap.leftOut > 0) {
    await output.warn(`${heatMap.leftOut} rows had no room in ${file}: it shows the first ones`);
  }
}
