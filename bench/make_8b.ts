/**
 * Writes a checkpoint in the exact shape of ArmoRM-Llama3-8B-v0.1 with random weights, 15 GB, to measure
 * with: `deno run --allow-all bench/make_8b.ts FOLDER`. Smaller ones by options.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { armo8b, type ArmoShape, writeArmoCheckpoint } from "./models/armo_checkpoint.ts";

const usage = `Usage: deno run --allow-all bench/make_8b.ts FOLDER [options]

Writes a checkpoint in the shape of ArmoRM-Llama3-8B-v0.1 with random weights and a tokenizer that works.

  --layers N         (default ${armo8b.layers})
  --hidden N         (default ${armo8b.hidden})
  --feed-forward N   (default ${armo8b.feedForward})
  --heads N          (default ${armo8b.heads})
  --key-heads N      (default ${armo8b.keyHeads})
  --vocabulary N     (default ${armo8b.vocabulary})
  --gating-hidden N  (default ${armo8b.gatingHidden})
`;

function readShape(args: readonly string[]): { folder: string | undefined; shape: ArmoShape } {
  const option = { type: "string" } as const;
  const { values, positionals: [folder] } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      layers: option,
      hidden: option,
      "feed-forward": option,
      heads: option,
      "key-heads": option,
      vocabulary: option,
      "gating-hidden": option,
      help: { type: "boolean" },
    },
  });
  const size = (text: string | undefined, fallback: number): number => {
    const value = text === undefined ? fallback : Number(text);
    if (Number.isSafeInteger(value) && value > 0) return value;
    throw new TypeError(`expected a whole number from 1 on; found "${text}"`);
  };
  const shape = {
    layers: size(values.layers, armo8b.layers),
    hidden: size(values.hidden, armo8b.hidden),
    feedForward: size(values["feed-forward"], armo8b.feedForward),
    heads: size(values.heads, armo8b.heads),
    keyHeads: size(values["key-heads"], armo8b.keyHeads),
    vocabulary: size(values.vocabulary, armo8b.vocabulary),
    gatingHidden: size(values["gating-hidden"], armo8b.gatingHidden),
  };
  return { folder: values.help ? undefined : folder, shape };
}

const { folder, shape } = readShape(Deno.args);
if (folder === undefined) {
  console.error(usage);
  Deno.exitCode = 2;
} else {
  await writeArmoCheckpoint(folder, shape, (file) => console.error(file));
}
