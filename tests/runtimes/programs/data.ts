import { readRows, type Row, writeRowFile } from "@assay/assay/data";
import type { Findings, Place } from "./program.ts";

const rows: readonly Row[] = Array.from({ length: 5 }, (_, i) => ({
  prompt: `line\n"${i}", é`,
  response: "x".repeat(i),
  score: i / 3,
}));

/** Writes rows in every format and reads them back; reads Parquet of others, packed in several ways. */
export default async function ({ repository, scratch }: Place): Promise<Findings> {
  const findings: Record<string, unknown> = {};
  for (const file of ["rows.jsonl", "rows.jsonl.gz", "rows.csv", "rows.parquet"]) {
    const path = `${scratch}/${file}`;
    const writer = await writeRowFile(path);
    for (const row of rows) await writer.write(row);
    await writer.close();
    findings[file] = await Array.fromAsync(readRows(path), ({ row }) => row);
  }
  for (const packed of ["zstd_v2", "snappy_v1", "brotli_plain_v2", "gzip_plain_v1"]) {
    const path = `${repository}/tests/golden/data/layouts/${packed}.parquet`;
    findings[packed] = await Array.fromAsync(readRows(path), ({ row }) => Object.keys(row ?? {}));
  }
  return findings;
}
