import type { Checkpoint } from "../../checkpoint/checkpoint.ts";
import { Command } from "commander";
import { conversationsInOrder, conversationsOfRow } from "../../data/row_conversations.ts";
import { parseJson, stringifyJson } from "../../data/json_text.ts";
import type { Row } from "../../data/rows.ts";
import { checkLoadOptions } from "../../scoring/check_load_options.ts";
import { openBackend } from "../../scoring/open_backend.ts";
import { openQuantized } from "../../scoring/quantized_checkpoint.ts";
import type { Conversation } from "../../text/conversation.ts";
import { reportFormatOption } from "../arguments.ts";
import { fromHub } from "../from_hub.ts";
import { addHeadFlags, headOptions } from "../head_options.ts";
import { addModelFlags, type ModelFlags, modelMeaning } from "../model_options.ts";
import { type ModelReport, reportModel } from "./model_report.ts";
import { reportLines } from "./model_report_lines.ts";
import { Output } from "../output.ts";
import { progressBar } from "../progress_bar.ts";

interface InspectFlags extends ModelFlags {
  readonly text?: string;
  readonly prompt: string;
  readonly format?: "jsonl" | "table";
}

const description = [
  "Shows what Assay makes of a model, without reading its weights: architecture, head, chat " +
  "template, memory plan and tensors.",
  "With --text also the exact tokens of a conversation, and the positions whose hidden states the " +
  "head reads. TEXT is a response (to --prompt), a list of messages as JSON, or a row as JSON.",
].join("\n\n");

const examples = `
Examples:
  assay inspect ./ArmoRM-Llama3-8B-v0.1
  assay inspect ./my-model --prompt "How much is 2+2?" --text "4"
  assay inspect ./my-model --memory-budget 6GiB --format jsonl | jq .memory

Exit status: 0 the model can be scored with, 1 a part of it is not understood, 2 nothing could run.`;

/**
 * `assay inspect`: what Assay makes of a model.
 *
 * @param output Where output goes.
 */
export function inspectCommand(output: Output = Output.system()): Command {
  const command = new Command("inspect")
    .summary("show a model's architecture, head, template, memory plan and tensors")
    .description(description)
    .argument("<model>", modelMeaning)
    .option("--text <text>", "show the tokens of this response, messages or row")
    .option("--prompt <text>", "the user's message before a response", "Hello!")
    .addOption(reportFormatOption())
    .addHelpText("after", examples);
  return addHeadFlags(addModelFlags(command)).action(async (model: string, flags: InspectFlags) => {
    const report = await inspect(model, flags, output);
    const hasError = Object.values(report).flat().some(isError);
    if (hasError) output.rowFailed();
    const format = flags.format ?? (output.stdout.isTerminal ? "table" : "jsonl");
    if (format === "table") await output.writeText(reportLines(report).join("\n"));
    else {
      const line = `${stringifyJson(withSnakeCase(report))}\n`;
      await output.write(new TextEncoder().encode(line));
    }
  });
}

async function inspect(model: string, flags: InspectFlags, output: Output): Promise<ModelReport> {
  const warn = (message: string): void => void output.warn(message);
  const conversations = flags.text === undefined
    ? []
    : conversationsOfText(flags.text, flags.prompt);
  using opened = new DisposableStack();
  const checkpoint = await openModel(model, flags, output, opened);
  for (const warning of checkpoint.warnings) warn(warning);
  const { backend, webgpu, experimental, kernels, tuning, threads, memoryBudget } = flags;
  const tokensPerPack = flags.batch;
  const settings = { webgpu, experimental, kernels, tuning, threads, memoryBudget, tokensPerPack };
  checkLoadOptions({ backend, ...settings });
  return await reportModel(checkpoint, {
    openBackend: (plan) => openBackend(backend, warn, settings, plan),
    memoryBudget,
    tokensPerPack,
    truncate: flags.truncate,
    trustSpecialTokens: flags.trustSpecialTokens ?? false,
    ignoreConfigKeys: flags.ignoreConfigKey,
    pooling: flags.pooling,
    form: flags.form,
    label: flags.label,
    chatTemplate: flags.chatTemplate,
    ...headOptions(flags),
    conversations,
    warn,
  });
}

async function openModel(
  model: string,
  { ignoreConfigKey: ignoreConfigKeys, weights, weightGroup }: InspectFlags,
  output: Output,
  opened: DisposableStack,
): Promise<Checkpoint> {
  checkLoadOptions({ weights, weightGroup });
  using bar = progressBar(output);
  const source = await fromHub(model, output, bar);
  return await openQuantized(source, { weights, weightGroup, ignoreConfigKeys }, opened);
}

/** The conversations that `--text` names: a row or messages as JSON, else a response to the prompt. */
function conversationsOfText(text: string, prompt: string): readonly Conversation[] {
  let value: unknown;
  try {
    value = parseJson(text);
  } catch {
    value = undefined;
  }
  const isRow = typeof value === "object" && value !== null;
  const row = !isRow
    ? { prompt, response: text }
    : Array.isArray(value)
    ? { messages: value }
    : value;
  return conversationsInOrder(conversationsOfRow(row as Row));
}

function isError(part: unknown): boolean {
  return typeof part === "object" && part !== null && "error" in part;
}

/** The output's own spelling of names, as in rows: `hidden_size`, not `hiddenSize`. */
function withSnakeCase(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withSnakeCase);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => [
      name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
      withSnakeCase(inner),
    ]),
  );
}
