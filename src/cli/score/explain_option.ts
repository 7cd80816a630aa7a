import { Command, Option } from "commander";

/** What `--explain` asks for: the parts of the head's judgement, or what each token adds. */
export type ExplainFlag = "parts" | "tokens";

/** `--explain`, of which `tokens` alone is a value: what else follows it is an argument. */
export function explainOption(): Option {
  return new Option(
    "--explain [tokens]",
    "add what explains a score (rewards and coefficients by objective, labels, …) and the kernels; " +
      "tokens: what each token of the response adds to it",
  ).choices(["parts", "tokens"]);
}

/** A command with {@linkcode explainOption}, whose value Commander would take from the arguments. */
export class ExplainingCommand extends Command {
  /** Reads options as Commander does. */
  override parseOptions(args: string[]): { operands: string[]; unknown: string[] } {
    return super.parseOptions(
      args.map((argument, place) =>
        argument === "--explain" && args[place + 1] !== "tokens" ? "--explain=parts" : argument
      ),
    );
  }
}
