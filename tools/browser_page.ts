/**
 * `deno task browser FOLDER`: writes the page of `examples/browser/` with the demo model into a folder
 * that any static server can serve.
 *
 * @module
 */
import { stop } from "esbuild";
import { writePage } from "./browser_page/write_page.ts";

const [folder] = Deno.args;
if (folder === undefined) {
  console.error("Cannot write the page: expected the FOLDER to write it into, found nothing");
  Deno.exit(2);
}
const sizes = await writePage(folder);
await stop();
for (const [file, bytes] of sizes) console.error(`${String(bytes).padStart(10)} ${file}`);
