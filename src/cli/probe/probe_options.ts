import { type Command, InvalidArgumentError } from "commander";
import type { Change } from "../../probing/change.ts";
import { standardChanges } from "../../probing/change_list.ts";
import { ownPhrase } from "../../probing/phrases.ts";
import { paraphraseColumns } from "../../tasks/probe/changed_conversations.ts";
import { readNameSwap, readParaphrases } from "../../tasks/probe/given_files.ts";
import { countArgument } from "../arguments.ts";

/** The flags that say which changes are tried. */
export interface ChangeFlags {
  readonly change?: readonly string[] | undefined;
  readonly standard: boolean;
  readonly lengths?: readonly number[] | undefined;
  readonly prefix?: readonly string[] | undefined;
  readonly suffix?: readonly string[] | undefined;
  readonly promptPrefix?: readonly string[] | undefined;
  readonly names?: string | undefined;
  readonly paraphrases?: string | undefined;
  readonly paraphraseColumn?: string | undefined;
}

/** Adds the flags of {@link ChangeFlags} to a command. */
export function addChangeFlags(command: Command): Command {
  return command
    .option("--change <name>", "try only this change; repeat it for several", gathered)
    .option("--no-standard", "try only your own: phrases, names, paraphrases")
    .option(
      "--lengths <characters>",
      "how much the changes of length add, with commas between (default: 400,1600)",
      lengthsArgument,
    )
    .option("--prefix <text>", "also try this text before responses; repeat it", gathered)
    .option("--suffix <text>", "also try this text after responses; repeat it", gathered)
    .option("--prompt-prefix <text>", "also try this text before prompts; repeat it", gathered)
    .option("--names <file>", "also swap names: rows with name and other")
    .option("--paraphrases <file>", "also try paraphrases: rows with text and paraphrase")
    .option(
      "--paraphrase-column <name>",
      "also try the paraphrases that rows have: the prompt's in NAME, the responses' in chosen_NAME " +
        "and rejected_NAME, response_NAME or responses_NAME",
    );
}

/**
 * The changes that the flags ask for.
 *
 * @throws {AssayError} `probing/unknown-change`, `probing/bad-names`, `data/…` for a file.
 */
export async function chosenChanges(flags: ChangeFlags): Promise<Change[]> {
  const { change: only, lengths, names, paraphrases, paraphraseColumn } = flags;
  const own = (["prefix", "suffix", "prompt-prefix"] as const).flatMap((place) => {
    const given = place === "prompt-prefix" ? flags.promptPrefix : flags[place];
    return (given ?? []).map((text, index) => ownPhrase(place, text, index + 1));
  });
  return [
    ...(flags.standard ? standardChanges({ only, lengths }) : []),
    ...own,
    ...(names === undefined ? [] : [await readNameSwap(names)]),
    ...(paraphrases === undefined ? [] : await readParaphrases(paraphrases)),
    ...(paraphraseColumn === undefined ? [] : paraphraseColumns(paraphraseColumn)),
  ];
}

function gathered(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, value];
}

/** The longest text that a change adds. */
const mostAdded = 100_000;

function lengthsArgument(text: string): readonly number[] {
  const lengths = text.split(",").map((part) => countArgument(part.trim()));
  if (lengths.some((length) => length > mostAdded)) {
    throw new InvalidArgumentError(`Expected at most ${mostAdded} characters.`);
  }
  return [...new Set(lengths)];
}
