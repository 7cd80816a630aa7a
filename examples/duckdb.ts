// Scores pairs that DuckDB reads from Parquet, puts the margins into a table beside them, and asks for
// their mean by subset. DuckDB comes from npm with a library of machine code (--allow-ffi),
// 70 MB that only this program needs, and so not in deno.lock (--no-lock):
// deno run --no-lock --allow-read --allow-env --allow-ffi examples/duckdb.ts [PARQUET] [MODEL]
import type { ReadRow, Row } from "@assay/assay/data";
import { openScorer, scoreRows } from "@assay/assay/tasks";
import { type DuckDBConnection, DuckDBInstance } from "npm:@duckdb/node-api@1.5.6-r.1";

const [parquet = "tests/golden/data/preferences.parquet", model = "models/demo"] = Deno.args;

/** The rows of a query as they come, a chunk of DuckDB's at a time. */
async function* rowsOf(connection: DuckDBConnection, query: string): AsyncGenerator<ReadRow> {
  let line = 1;
  for await (const rows of (await connection.stream(query)).yieldRowObjectJs()) {
    for (const row of rows as Row[]) yield { line: line++, row, error: undefined };
  }
}

const database = await DuckDBInstance.create(":memory:"); // or the path of a file
const connection = await database.connect();
await connection.run("set variable parquet = $1", [parquet]);
await connection.run("create table pairs as from read_parquet(getvariable('parquet'))");
await connection.run("create table margins (pair bigint, margin double, error varchar)");

// A connection of its own for what is written while the other reads.
const margins = await (await database.connect()).createAppender("margins");
{
  using scorer = await openScorer({ model });
  const query = "select rowid as pair, prompt, chosen, rejected from pairs";
  for await (const { row } of scoreRows(rowsOf(connection, query), scorer)) {
    margins.appendBigInt(BigInt(row.pair as number));
    if (typeof row.margin === "number") margins.appendDouble(row.margin);
    else margins.appendNull();
    if (row.error === undefined) margins.appendNull();
    else margins.appendVarchar((row.error as { message: string }).message);
    margins.endRow();
  }
}
margins.closeSync();

const found = await connection.runAndReadAll(`
  select coalesce(subset, 'none') as subset, count(*)::integer as pairs,
    round(avg(margin), 2) as mean_margin, count(error)::integer as failed
  from pairs join margins on pairs.rowid = margins.pair group by all order by all`);
console.table(found.getRowObjectsJS());
connection.closeSync();
database.closeSync();
