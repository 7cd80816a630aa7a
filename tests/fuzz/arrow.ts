import { readArrowFile, readArrowStream } from "../../src/data/read_arrow.ts";
import type { ReadRow } from "../../src/data/rows.ts";
import { mutateBytes } from "./mutations.ts";
import { useRow } from "./rows.ts";
import type { FuzzTarget } from "./target.ts";

const folder = new URL("../golden/data/arrow/", import.meta.url);
const names = [
  "uncompressed.feather",
  "lz4.feather",
  "zstd.feather",
  "stream.arrows",
  "polars.arrow",
  "polars.arrows",
];
const files = await Promise.all(names.map(async (name) => ({
  name,
  bytes: await Deno.readFile(new URL(name, folder)),
})));

async function rowsOf(name: string, bytes: Uint8Array<ArrayBuffer>): Promise<ReadRow[]> {
  const slice = (start: number, end?: number) => Promise.resolve(bytes.slice(start, end).buffer);
  const batches = name.endsWith(".arrows")
    ? readArrowStream("x", ReadableStream.from([bytes]))
    : readArrowFile("x", { byteLength: bytes.length, slice });
  return (await Array.fromAsync(batches)).flat();
}

/** Arrow files and streams with some bytes changed: headers, offsets, packed buffers, the index. */
export const arrow: FuzzTarget = {
  name: "arrow",
  gateCases: 250,
  draw(random) {
    const { name, bytes } = random.pick(files);
    const changed = mutateBytes(random, bytes) as Uint8Array<ArrayBuffer>;
    return {
      what: name,
      input: changed,
      async run() {
        const rows = await rowsOf(name, changed);
        for (const { row } of rows.slice(0, 20)) if (row !== undefined) useRow(row);
        return "read";
      },
    };
  },
};
