import type { Command } from "commander";
import type { RowFormat } from "../../data/rows.ts";
import type { ApiKeyFlags } from "../api_key_options.ts";
import { AssayError } from "../../error.ts";
import { countArgument } from "../arguments.ts";
import type { ExplainFlag } from "./explain_option.ts";

/** The flags of `assay score` that are of scoring by servers alone. */
export interface ServerFlags extends ApiKeyFlags {
  readonly server?: readonly string[] | undefined;
  readonly servedModel?: string | undefined;
  readonly allowMixed?: true | undefined;
  /** A file; `false` for none; `undefined` for the one beside the output. */
  readonly checkpoint?: string | boolean | undefined;
  readonly shardTokens?: number | undefined;
  readonly maxInFlight?: number | undefined;
  readonly timeout?: number | undefined;
  readonly patience?: number | undefined;
}

/** The flags that scoring by servers knows. */
export interface ServerScoreFlags extends ServerFlags {
  readonly explain?: ExplainFlag | undefined;
  readonly format: "jsonl" | "table";
  readonly output?: string | undefined;
  readonly benchmark?: string | undefined;
  readonly inputFormat?: RowFormat | undefined;
  readonly delimiter?: string | undefined;
}

/** Their names: all other flags are of a model on this machine. */
export const serverFlagNames: ReadonlySet<string> = new Set(
  [
    "server",
    "servedModel",
    "allowMixed",
    "checkpoint",
    "shardTokens",
    "maxInFlight",
    "timeout",
    "patience",
    "apiKey",
    "apiKeyFile",
  ] satisfies (keyof ServerFlags)[],
);

/** Those that any run knows. */
export const commonFlagNames: ReadonlySet<string> = new Set(
  [
    "explain",
    "format",
    "output",
    "benchmark",
    "inputFormat",
    "delimiter",
  ] satisfies (keyof ServerScoreFlags)[],
);

/** Adds the flags of {@link ServerFlags} to a command. */
export function addServerFlags(command: Command): Command {
  const gathered = (value: string, before: readonly string[] = []) => [...before, value];
  return command
    .option(
      "--server <url>",
      "score with this server; may be repeated, and needs no model",
      gathered,
    )
    .option("--served-model <name>", "with --server: the model, of servers that have several")
    .option("--allow-mixed", "with --server: take servers whose bits may differ, and mark each row")
    .option(
      "--checkpoint <file>",
      "with --server: where answers are kept until the output is whole, for a run that is killed to go on " +
        "(default: the output's name and .shards)",
    )
    .option("--no-checkpoint", "with --server: keep nothing to go on from")
    .option("--api-key <key>", "with --server: the key that they want")
    .option("--api-key-file <file>", "a file with that key, which no list of processes shows")
    .option(
      "--shard-tokens <tokens>",
      "with --server: tokens of a request, about (default: 4096)",
      countArgument,
    )
    .option(
      "--max-in-flight <requests>",
      "with --server: requests to one server at once, at most (default: 8)",
      countArgument,
    )
    .option(
      "--timeout <seconds>",
      "with --server: in which a request is answered, or asked elsewhere (default: 330)",
      countArgument,
    )
    .option(
      "--patience <seconds>",
      "with --server: that the run goes on while no server answers (default: 60)",
      countArgument,
    );
}

/**
 * Refuses what is of servers where none is named.
 *
 * @throws {AssayError} `cli/usage`.
 */
export function expectNoServerFlags(command: Command): void {
  const lone = command.options.find((option) =>
    serverFlagNames.has(option.attributeName()) &&
    command.getOptionValueSource(option.attributeName()) === "cli"
  );
  if (lone === undefined) return;
  throw new AssayError(
    "cli/usage",
    `Cannot take ${lone.long} without --server: name a server, or leave it out`,
  );
}
