/**
 * Registers a test, or skips it where this machine lacks what it needs. A skipped test prints its
 * reason, which the closing lines of `deno task test` repeat; a test skipped in any other way makes
 * that run fail.
 *
 * @param missing What is missing, or `undefined` where nothing is.
 */
export function testWhere(
  missing: string | undefined,
  name: string,
  run: (context: Deno.TestContext) => void | Promise<void>,
): void {
  if (missing !== undefined) console.log(`skipped "${name}": ${missing}`);
  Deno.test({ name, ignore: missing !== undefined, fn: run });
}
