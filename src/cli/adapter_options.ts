import { type Command, Option } from "commander";
import { AssayError } from "../error.ts";
import type { ModelSpec } from "../tasks/model_folder.ts";

/** The flags that put LoRA adapters on a model. */
export interface AdapterFlags {
  readonly adapter?: readonly string[] | undefined;
  readonly adapterDtype: "F32" | "keep";
}

/**
 * Adds the flags of {@link AdapterFlags} to a command.
 *
 * @param command The command.
 * @param description What an adapter means to it.
 */
export function addAdapterFlags(command: Command, description: string): Command {
  const gathered = (value: string, before: readonly string[] = []) => [...before, value];
  return command
    .option("--adapter <folder>", description, gathered)
    .addOption(
      new Option(
        "--adapter-dtype <dtype>",
        "weights that an adapter changes: whole in F32, or rounded to what the model has",
      ).choices(["F32", "keep"]).default("F32"),
    );
}

/** The element type of merged weights that the flags ask for; `undefined` for the model's own. */
export function adapterDtypeOf({ adapterDtype }: AdapterFlags): "F32" | undefined {
  return adapterDtype === "F32" ? "F32" : undefined;
}

/**
 * The model with the one adapter that the flags name.
 *
 * @throws {AssayError} `cli/usage` for several adapters.
 */
export function modelSpec(model: string, flags: AdapterFlags): ModelSpec {
  const { adapter: adapters = [] } = flags;
  if (adapters.length > 1) {
    throw new AssayError(
      "cli/usage",
      `Cannot put several adapters on one model: expected one --adapter, found ${adapters.length}; ` +
        "let each be a voter of its own with assay vote --model MODEL --adapter A --adapter B, or " +
        "merge them first",
    );
  }
  return { model, adapter: adapters[0], adapterDtype: adapterDtypeOf(flags) };
}
