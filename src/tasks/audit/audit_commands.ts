import type { AuditedRowOptions } from "./audited_rows.ts";

/** What an audited model's scores come from. */
export interface CommandSource extends AuditedRowOptions {
  /** File of rows. */
  readonly path: string;
  /** The benchmark that the rows are of. */
  readonly benchmark?: string | undefined;
  /** What scored them, where the audit did. */
  readonly model?: string | undefined;
}

/** The command lines that give the numbers of a report's parts. */
export interface AuditCommands {
  /** Accuracies. */
  readonly accuracy: string;
  /** Score against length. */
  readonly length: string;
  /** How many rows it can decide at a risk. */
  readonly abstention: string;
  /** How many targets intervals hold. */
  readonly coverage: string;
  /** How often traits win. */
  readonly skew: string;
  /** A benchmark's own figures. */
  readonly benchmark: string;
  /** What changes that keep the meaning do. */
  readonly probe: string;
  /** What the best of n is worth. */
  readonly bestOf: string;
  /** How sure the margins are. */
  readonly reliability: string;
}

/** The command lines for one model. */
export function auditCommands(source: CommandSource): AuditCommands {
  const { path, model, quality, benchmark } = source;
  const rows = rowFlags(source);
  const evaluate = ["evaluate", ...(model === undefined ? [] : ["--model", model]), path, ...rows];
  const scored = model === undefined ? path : "scored.jsonl";
  const byQuality = quality === undefined ? [] : ["--quality", quality];
  const calibrate = ["--summary", "length.json", "--plot", "length.html"];
  return {
    accuracy: commandLine(evaluate),
    bestOf: `${
      commandLine(["calibrate", scored, ...rows, "--fit", "calibrator.json"])
    } > calibrated.jsonl; ${
      commandLine([...evaluate, ...byQuality, "--calibrate", "calibrator.json"])
    }`,
    abstention: commandLine(["calibrate", scored, ...columnFlags(source), "--abstain", "0.05"]),
    coverage: commandLine([
      "calibrate",
      scored,
      ...columnFlags(source),
      ...[
        "--conformal",
        "0.1",
        "--target",
        source.target ?? "COLUMN",
        "--summary",
        "intervals.json",
      ],
    ]),
    skew: commandLine(["probe", model ?? "MODEL", path, "--skew"]),
    benchmark: commandLine([...evaluate, "--benchmark", benchmark ?? "NAME"]),
    probe: commandLine(["probe", model ?? "MODEL", path, "--summary", "probe.json"]),
    reliability: commandLine([...evaluate, "--reliability"]),
    length: model === undefined
      ? commandLine(["calibrate", path, ...rows, ...calibrate])
      : `${commandLine(["score", model, path])} | ${
        commandLine(["calibrate", ...rows, ...calibrate])
      }`,
  };
}

/** The command line that puts files of scores together. */
export function voteCommandLine(paths: readonly string[]): string {
  return commandLine(["vote", ...paths, "--normalize", "std", "--plot", "strengths.svg"]);
}

/** A command line of `assay`, quoted for a shell. */
export function commandLine(args: readonly string[]): string {
  return ["assay", ...args].map(quoted).join(" ");
}

function rowFlags(source: CommandSource): string[] {
  const { subset } = source;
  const bySubset = subset === undefined || subset === "subset" ? [] : ["--subset", subset];
  return [...columnFlags(source), ...bySubset];
}

function columnFlags({ columns = new Map<string, string>() }: CommandSource): string[] {
  return [...columns].flatMap(([name, column]) => ["--column", `${name}=${column}`]);
}

function quoted(argument: string): string {
  if (/^[\w@%+=:,./-]+$/.test(argument)) return argument;
  return `'${argument.replaceAll("'", `'\\''`)}'`;
}
