import assert from "node:assert/strict";
import { readParquet } from "../../src/data/read_parquet.ts";
import type { Row } from "../../src/data/rows.ts";
import { mutateBytes } from "./mutations.ts";
import { useRow } from "./rows.ts";
import type { FuzzTarget } from "./target.ts";

const folder = new URL("../golden/data/", import.meta.url);
const names = [
  "preferences.parquet",
  ...[...Deno.readDirSync(new URL("layouts/", folder))]
    .map(({ name }) => `layouts/${name}`).filter((name) => name.endsWith(".parquet")).sort(),
];
const files = await Promise.all(names.map(async (name) => ({
  name,
  bytes: await Deno.readFile(new URL(name, folder)),
})));
const checked = "layouts/zstd_checksums.parquet";

async function rowsOf(bytes: Uint8Array<ArrayBuffer>): Promise<(Row | undefined)[]> {
  const rows: (Row | undefined)[] = [];
  for await (const some of readParquet("x", bytes.buffer)) rows.push(...some.map(({ row }) => row));
  return rows;
}

const rightRows = await rowsOf(files.find(({ name }) => name === checked)!.bytes);

/** Parquet files with some bytes changed: footers, page headers, levels, values. */
export const parquet: FuzzTarget = {
  name: "parquet",
  gateCases: 250,
  draw(random) {
    const { name, bytes } = random.pick(files);
    const footer = new DataView(bytes.buffer).getUint32(bytes.length - 8, true) + 8;
    const inPages = random.chance(0.7);
    // In pages bytes keep their places, else the footer points at nothing.
    const place = () =>
      inPages
        ? 4 + random.below(bytes.length - footer - 4)
        : bytes.length - 1 - random.below(footer);
    let changed = mutateBytes(random, bytes, place);
    if (inPages && changed.length !== bytes.length) {
      changed = new Uint8Array(bytes);
      for (const at of random.some(20, place)) changed[at] = random.below(256);
    }
    return {
      what: `${inPages ? "pages" : "footer"} of ${name}`,
      input: changed,
      async run() {
        const rows = await rowsOf(changed);
        if (name === checked && inPages) {
          assert.deepEqual(rows, rightRows, "other rows from a file with checksums");
        }
        for (const row of rows.slice(0, 20)) if (row !== undefined) useRow(row);
        return "read";
      },
    };
  },
};
