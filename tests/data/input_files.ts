import { readRows, type ReadRowsOptions } from "../../src/data/read_rows.ts";
import type { ReadRow } from "../../src/data/rows.ts";

/** `{}` and a line's end, packed by bzip2. */
export const bzip2 = Uint8Array.fromBase64(
  "QlpoOTFBWSZTWQ==",
);

/** All of the items. */
export async function collect<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const list: Item[] = [];
  for await (const item of items) list.push(item);
  return list;
}

/** The rows of a file with this content. */
export async function rowsOf(
  content: string | Uint8Array,
  { suffix = ".jsonl", ...options }: ReadRowsOptions & { suffix?: string } = {},
): Promise<ReadRow[]> {
  const path = await Deno.makeTempFile({ suffix });
  try {
    const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
    await Deno.writeFile(path, bytes);
    return await collect(readRows(path, options));
  } finally {
    await Deno.remove(path);
  }
}

/** Bytes in pieces of these sizes, over and over. */
export async function* cut(
  bytes: Uint8Array,
  sizes: readonly number[],
): AsyncGenerator<Uint8Array> {
  let start = 0;
  for (let i = 0; start < bytes.length; i++) {
    const end = start + sizes[i % sizes.length]!;
    yield await Promise.resolve(bytes.subarray(start, end));
    start = end;
  }
}
