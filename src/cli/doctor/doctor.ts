import { Command } from "commander";
import type { Device } from "../../gpu/device.ts";
import { reportFormatOption } from "../arguments.ts";
import { type Check, checkMachine } from "../../tasks/machine_checks.ts";
import { Output } from "../output.ts";
import { rowOutput, type RowTable } from "../row_output.ts";

const examples = `
Example:
  assay doctor

Exit status: 0 all is well, 1 something needs attention (it says what to do).`;

const checkTable: RowTable = {
  header: ["", "check", "found"],
  line(row): readonly string[] {
    const { ok, check, found, advice } = row as unknown as Check;
    return [ok ? "ok" : "!!", check, advice === undefined ? found : `${found}: ${advice}`];
  },
};

/**
 * `assay doctor`: whether this machine computes, and computes right.
 *
 * @param output Where output goes.
 * @param openDevice Opens the GPU; a stand-in in tests.
 */
export function doctorCommand(
  output: Output = Output.system(),
  openDevice?: () => Promise<Device>,
): Command {
  return new Command("doctor")
    .summary("check the adapter, its limits and every kernel")
    .description(
      "Checks this machine: the WebGPU adapter and its limits, and every kernel against plain " +
        "arithmetic on the CPU. Says what to install where something is missing.",
    )
    .addOption(reportFormatOption())
    .addHelpText("after", examples)
    .action(async (flags: { format?: "jsonl" | "table" }) => {
      const format = flags.format ?? (output.stdout.isTerminal ? "table" : "jsonl");
      const writer = await rowOutput(output, { format }, checkTable);
      for await (const check of checkMachine(openDevice)) {
        if (!check.ok) output.rowFailed();
        await writer.write({ ...check });
      }
      await writer.close();
    });
}
