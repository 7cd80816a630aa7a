import { AssayError } from "../error.ts";
import type { Change } from "./change.ts";
import { addedLengths, againChange, fillerChange } from "./filler.ts";
import { markdownChanges } from "./markdown_changes.ts";
import { framingChanges, phraseChanges } from "./phrases.ts";
import { textChanges } from "./text_changes.ts";
import { typoChanges } from "./typos.ts";

/**
 * The changes that a probe tries where none is named: all but those that need something of the user's
 * (names, paraphrases, phrases).
 *
 * @example
 * ```ts
 * import { standardChanges } from "@assay/assay/tasks";
 * import assert from "node:assert/strict";
 *
 * const [typos] = standardChanges({ only: ["prompt-typos"] });
 * assert.equal(typos!.target, "prompt");
 * assert.notEqual(typos!.apply("Explain tides please", () => 0), "Explain tides please");
 * ```
 *
 * @param options Names of those that are wanted, and the lengths to add, in code points.
 * @throws {AssayError} `probing/unknown-change` for a name that none of them has.
 */
export function standardChanges(options: {
  readonly only?: readonly string[] | undefined;
  readonly lengths?: readonly number[] | undefined;
} = {}): Change[] {
  const lengths = options.lengths ?? addedLengths;
  const all = [
    ...lengths.map(againChange),
    ...lengths.map(fillerChange),
    ...phraseChanges,
    ...markdownChanges,
    ...textChanges,
    ...typoChanges,
    ...framingChanges,
  ];
  const { only } = options;
  if (only === undefined) return all;
  return [...new Set(only)].map((name) => {
    const found = all.find((change) => change.name === name);
    if (found !== undefined) return found;
    throw new AssayError(
      "probing/unknown-change",
      `Cannot probe with the change "${name}": expected one of ${
        all.map(({ name }) => name).join(", ")
      }; assay probe --list tells what each does`,
    );
  });
}
