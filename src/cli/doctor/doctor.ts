import { Command } from "commander";
import type { WebGpuName } from "../../gpu/adapter.ts";
import { reportFormatOption, webGpuOption } from "../arguments.ts";
import type { Check } from "../../tasks/machine_check.ts";
import { checkMachine, type Machine } from "../../tasks/machine_checks.ts";
import { Output } from "../output.ts";
import { rowOutput, type RowTable } from "../row_output.ts";

const examples = `
Examples:
  assay doctor
  assay doctor --bench

Exit status: 0 all is well, 1 something needs attention (it says what to do).`;

interface DoctorFlags {
  readonly format?: "jsonl" | "table" | undefined;
  readonly bench?: true | undefined;
  readonly webgpu?: WebGpuName | undefined;
}

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
 * @param machine What is looked at; stand-ins in tests.
 */
export function doctorCommand(
  output: Output = Output.system(),
  machine: Machine = {},
): Command {
  return new Command("doctor")
    .summary("check the adapter, the WebAssembly engine and every kernel")
    .description(
      "Checks this machine: the WebGPU adapter and its limits, the WebAssembly engine, and every " +
        "kernel of both against plain arithmetic. Says which of them --backend auto takes, and what to " +
        "do where something is missing.",
    )
    .option("--bench", "measure how fast each computes products, too")
    .addOption(webGpuOption())
    .addOption(reportFormatOption())
    .addHelpText("after", examples)
    .action(async (flags: DoctorFlags) => {
      const format = flags.format ?? (output.stdout.isTerminal ? "table" : "jsonl");
      const writer = await rowOutput(output, { format }, checkTable);
      const { bench = machine.bench, webgpu } = flags;
      for await (const check of checkMachine({ ...machine, bench, webgpu })) {
        if (!check.ok) output.rowFailed();
        await writer.write({ ...check });
      }
      await writer.close();
    });
}
