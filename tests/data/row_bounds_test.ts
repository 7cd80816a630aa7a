import assert from "node:assert/strict";
import { gzipSync } from "node:zlib";
import { parseJson } from "../../src/data/json_text.ts";
import { inputChunks } from "../../src/data/input_bytes.ts";
import { readCsv } from "../../src/data/read_csv.ts";
import { readJsonLines } from "../../src/data/read_json_lines.ts";
import { AssayError } from "../../src/error.ts";

const encoder = new TextEncoder();

/** Some bytes, then one piece many times. */
async function* pieces(first: string, piece: string, times: number, last = "") {
  yield encoder.encode(first);
  const bytes = encoder.encode(piece);
  for (let i = 0; i < times; i++) yield bytes;
  yield encoder.encode(last);
}

async function rejects(run: () => Promise<unknown>, message: RegExp): Promise<void> {
  await assert.rejects(run, (error) => {
    assert.ok(error instanceof AssayError && error.code === "data/bad-file", String(error));
    assert.match(error.message, message);
    return true;
  });
}

Deno.test("a line of a GiB is a bad row, and the next line is read", async () => {
  const chunks = pieces('{"a":"', "x".repeat(2 ** 20), 1024, '"}\n{"a":1}\n');
  const rows = [];
  for await (const some of readJsonLines(chunks)) rows.push(...some);
  assert.deepEqual(rows.map(({ line, row, error }) => [line, row ?? error?.code]), [
    [1, "data/bad-row"],
    [2, { a: 1 }],
  ]);
  assert.match(rows[0]!.error!.message, /at most 67108864 bytes on a line, found more/);
});

Deno.test("a CSV field without end is an error, after the rows before it", async () => {
  const lines: number[] = [];
  const read = async () => {
    for await (const rows of readCsv("x.csv", pieces('a,b\n1,2\n3,"', "x".repeat(2 ** 20), 1024))) {
      lines.push(...rows.map(({ line }) => line));
    }
  };
  await rejects(read, /Cannot read x.csv at line 3: .* look for a quote that is not closed/);
  assert.deepEqual(lines, [2]);
});

Deno.test("a CSV record of fields without end is an error", async () => {
  const read = async () => {
    for await (const _ of readCsv("x.csv", pieces("a,b\n", ",".repeat(2 ** 16), 1024))); // to its end
  };
  await rejects(read, /1048576 fields, found no end/);
});

Deno.test("a CSV header of a hundred thousand columns is read, and a name twice is found", async () => {
  const names = Array.from({ length: 100_000 }, (_, i) => `c${i}`).join(",");
  const read = async (header: string) => {
    let count = 0;
    for await (const rows of readCsv("x.csv", pieces(header + "\n", "", 0))) count += rows.length;
    return count;
  };
  assert.equal(await read(names), 0);
  await rejects(() => read(names + ",c99999"), /found "c99999" twice/);
});

Deno.test("a gzip bomb is an error", async () => {
  // 2²⁴ zeros are 16 KiB of gzip; members of it make as many GiB as one likes.
  const member = gzipSync(new Uint8Array(2 ** 24), { level: 9 });
  async function* stream() {
    for (let i = 0; i < 200; i++) yield new Uint8Array(member);
  }
  let made = 0;
  await rejects(async () => {
    for await (const chunk of inputChunks("x.jsonl.gz", stream())) made += chunk.length;
  }, /packed bytes that make more than 1000 times as many/);
  assert.ok(made < 2 ** 30 + 2 ** 24, `${made} bytes`);
});

Deno.test("a number of a million digits, and a text of quotes, are refused soon", () => {
  assert.equal(parseJson("1".repeat(4096)), BigInt("1".repeat(4096)));
  assert.throws(() => parseJson("1".repeat(1_000_000)), /more than 4096 digits/);
  // A pattern that tries each quote to the end would take hours here.
  assert.throws(() => parseJson(`NaN "${'\\"'.repeat(5_000_000)}`), SyntaxError);
  assert.deepEqual(parseJson('{"a":[NaN,-Infinity],"b":"NaN \\\\"}'), {
    a: [NaN, -Infinity],
    b: "NaN \\",
  });
});
