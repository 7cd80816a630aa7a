import assert from "node:assert/strict";
import { beginRows } from "../../src/tasks/begin_rows.ts";
import { keptRows, openRows, rowsInMemory } from "../../src/tasks/repeatable_rows.ts";
import { readRows } from "../../src/data/read_rows.ts";
import { inFolder } from "../cli/captured_output.ts";

Deno.test("openRows() reads a file each time, bad lines too", async () => {
  await inFolder(async (folder) => {
    const path = `${folder}/rows.jsonl`;
    await Deno.writeTextFile(path, '{"id":1}\nbroken\n');
    const told: number[] = [];
    const rows = await openRows(path, { onBytes: ({ read }) => told.push(read) });
    for (let time = 0; time < 2; time++) {
      const [first, second] = await Array.fromAsync(rows.read());
      assert.deepEqual(first, { line: 1, row: { id: 1 }, error: undefined });
      assert.equal(second!.error!.code, "data/bad-row");
    }
    assert.ok(told.length >= 2);
    await Deno.writeTextFile(path, '{"id":2}\n');
    assert.deepEqual((await Array.fromAsync(rows.read())).map(({ row }) => row), [{ id: 2 }]);
  });
});

Deno.test("rowsInMemory() counts lines from 1, each time", async () => {
  const rows = rowsInMemory([{ a: 1 }, { a: 2 }]);
  for (let time = 0; time < 2; time++) {
    assert.deepEqual((await Array.fromAsync(rows.read())).map(({ line }) => line), [1, 2]);
  }
});

Deno.test("keptRows() reads each row once, and goes on where a reading was ended early", async () => {
  let read = 0;
  const once = (async function* () {
    for (read = 1; read <= 4; read++) yield { line: read, row: { id: read }, error: undefined };
  })();
  const rows = keptRows(once);
  for await (const { line } of rows.read()) if (line === 2) break;
  assert.equal(read, 2);
  for (let time = 0; time < 2; time++) {
    const ids = await Array.fromAsync(rows.read(), ({ row }) => row?.id);
    assert.deepEqual(ids, [1, 2, 3, 4]);
  }
});

Deno.test("beginRows() fails at once, gives every row, and nothing where there is none", async () => {
  await assert.rejects(beginRows(readRows("no/such.jsonl")), { code: "data/no-such-file" });
  await inFolder(async (folder) => {
    const path = `${folder}/rows.jsonl`;
    await Deno.writeTextFile(path, "\n");
    assert.equal(await beginRows(readRows(path)), undefined);
    await Deno.writeTextFile(path, '{"id":1}\n{"id":2}\n');
    const rows = await Array.fromAsync((await beginRows(readRows(path)))!);
    assert.deepEqual(rows.map(({ row }) => row?.id), [1, 2]);
  });
});
