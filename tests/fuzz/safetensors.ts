import assert from "node:assert/strict";
import { Checkpoint } from "../../src/checkpoint/checkpoint.ts";
import { blobFolder } from "../../src/checkpoint/folder.ts";
import { SafetensorsReader } from "../../src/checkpoint/safetensors_reader.ts";
import { handMade, watchedSource, writtenFile } from "../checkpoint/made_files.ts";
import { mutateBytes, mutateText, mutateValue } from "./mutations.ts";
import type { Random } from "./random.ts";
import { refusalOf } from "./safetensors_rules.ts";
import type { FuzzCase, FuzzTarget } from "./target.ts";

const golden = await Deno.readFile(
  new URL("../golden/checkpoint/every_dtype.safetensors", import.meta.url),
);
const small = await writtenFile([
  { name: "a", dtype: "F32", shape: [2, 3], bytes: [new Uint8Array(24)] },
  { name: "b", dtype: "BF16", shape: [4], bytes: [new Uint8Array(8)] },
], { metadata: { format: "pt" } });
const index = JSON.stringify({
  metadata: { total_size: 32 },
  weight_map: { a: "model-1.safetensors", b: "model-1.safetensors" },
});

/** Safetensors files, and the indices of those in several pieces. */
export const safetensors: FuzzTarget = {
  name: "safetensors",
  gateCases: 6000,
  draw(random) {
    if (random.chance(0.25)) return indexCase(mutateText(random, index));
    const [name, file] = random.pick([["every dtype", golden], ["small", small]] as const);
    if (random.chance(0.25)) {
      const early = () => random.below(random.chance(0.5) ? file.length : 400);
      return fileCase(`bytes of ${name}`, mutateBytes(random, file, early));
    }
    return fileCase(`header of ${name}`, withHeader(random, file));
  },
};

/** Sizes and places near the right ones, where the rules are fine. */
function mutateHeader(random: Random, header: Record<string, TensorEntry>): unknown {
  if (random.chance(0.4)) return mutateValue(random, header);
  const name = random.pick(Object.keys(header));
  const { dtype, shape, data_offsets: offsets } = header[name]!;
  const step = random.pick([-1, 1, 2, 4, 8, -8, 2 ** 31, 2 ** 53]);
  const changed = random.pick<Partial<TensorEntry>>([
    { shape: [...shape ?? [], random.pick([0, 1, 2, 2 ** 32])] },
    { shape: shape?.map((side) => side + step) },
    { data_offsets: offsets?.map((place) => place + step) },
    { data_offsets: offsets?.with(random.below(2), random.below(64)) },
    { dtype: random.pick(["F32", "F16", "U8", "F4", "F6_E2M3", "C64", "F8_E8M0", "I128"]) },
  ]);
  return { ...header, [name]: { dtype, shape, data_offsets: offsets, ...changed } };
}

interface TensorEntry {
  readonly dtype?: string;
  readonly shape?: readonly number[] | undefined;
  readonly data_offsets?: readonly number[] | undefined;
}

/** A file whose header is changed, and whose header's length fits again. */
function withHeader(random: Random, file: Uint8Array): Uint8Array<ArrayBuffer> {
  const length = new DataView(file.buffer, file.byteOffset).getUint32(0, true);
  const header = new TextDecoder().decode(file.subarray(8, 8 + length));
  const text = random.chance(0.7)
    ? JSON.stringify(mutateHeader(random, JSON.parse(header)))
    : mutateText(random, header, /"[^"]*"|[0-9]+|./gsu);
  const data = file.subarray(8 + length);
  const whole = handMade(text, data.length);
  whole.set(data, whole.length - data.length);
  return whole;
}

function fileCase(what: string, bytes: Uint8Array<ArrayBuffer>): FuzzCase {
  return {
    what,
    input: bytes,
    async run() {
      const source = watchedSource(bytes);
      try {
        using reader = await SafetensorsReader.open(source);
        assert.equal(refusalOf(bytes), undefined, "read a file that the reference refuses");
        for (const { name, shape, byteLength } of reader.tensors.values()) {
          assert.equal((await reader.read(name)).bytes.length, byteLength);
          if (shape.length > 0 && shape[0]! > 0) await reader.gatherRows(name, [0, shape[0]! - 1]);
        }
        return "read";
      } finally {
        for (const [offset, length] of source.reads) assert.ok(offset + length <= bytes.length);
      }
    },
  };
}

function indexCase(text: string): FuzzCase {
  return {
    what: "index",
    input: text,
    async run() {
      const folder = blobFolder(
        "mutated",
        new Map([
          ["config.json", new Blob(["{}"])],
          ["model.safetensors.index.json", new Blob([text])],
          ["model-1.safetensors", new Blob([small])],
        ]),
      );
      using checkpoint = await Checkpoint.open(folder);
      assert.deepEqual([...checkpoint.tensors.keys()], ["a", "b"]);
      return "opened";
    },
  };
}
