import { run } from "../../src/cli/main.ts";
import { voteCommand } from "../../src/cli/vote/vote.ts";
import type { OpenVoter } from "../../src/tasks/vote/voter_source.ts";
import { captureOutput } from "./captured_output.ts";

/** For votes on files. */
const noVoters: OpenVoter = () => Promise.reject(new Error("no voter should be opened"));

/** Runs `assay vote` in this process. */
export async function vote(args: readonly string[], open: OpenVoter = noVoters) {
  const captured = captureOutput();
  const status = await run(
    [voteCommand(captured.output, open)],
    ["vote", ...args],
    captured.output,
  );
  return { status, rows: captured.rows(), stdout: captured.stdout(), stderr: captured.stderr() };
}

/** Writes rows as JSON Lines, Python's NaN among them. */
export async function write(path: string, rows: readonly unknown[]): Promise<string> {
  const line = (row: unknown) =>
    typeof row === "string" ? row : JSON.stringify(row, (_, x) => Number.isNaN(x) ? "\u0000" : x);
  const text = rows.map((row) => `${line(row)}\n`).join("");
  await Deno.writeTextFile(path, text.replaceAll('"\\u0000"', "NaN"));
  return path;
}

/** Rows with margins. */
export function pairs(margins: readonly number[], extra: (i: number) => object = () => ({})) {
  return margins.map((margin, i) => ({ chosen_score: margin, rejected_score: 0, ...extra(i) }));
}

/** The id of a row by its place. */
export const withId = (i: number) => ({ id: `r${i}` });
