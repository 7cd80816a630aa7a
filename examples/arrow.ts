// Scores rows that come as Arrow record batches, and gives record batches back, as libraries of data
// frames exchange them: deno run --allow-read examples/arrow.ts [MODEL]
import { arrowStream, readRecordBatches, type Row } from "@assay/assay/data";
import { openScorer, scoreRows } from "@assay/assay/tasks";
import { Table, tableFromIPC, tableToIPC, vectorFromArray } from "apache-arrow";

// What another library hands over: a table, or its bytes (Arrow's IPC format).
const asked = new Table({
  id: vectorFromArray([1, 2]),
  prompt: vectorFromArray(["How much is 2+2?", "How much is 3+3?"]),
  chosen: vectorFromArray(["2+2 is 4.", "3+3 is 6."]),
  rejected: vectorFromArray(["Five, I would say.", "Who knows."]),
});
const received = tableFromIPC(tableToIPC(asked));

using scorer = await openScorer({ model: Deno.args[0] ?? "models/demo" });
const scored: Row[] = [];
for await (const { row } of scoreRows(readRecordBatches(received), scorer)) scored.push(row);

const table = await tableFromIPC(arrowStream(scored));
console.log(table.schema.fields.map(({ name, type }) => `${name}: ${type}`).join(", "));
for (const { id, margin } of table) console.log(Number(id), margin);
