/**
 * `deno run --allow-net=127.0.0.1 --allow-read --allow-write tools/serve_folder.ts FOLDER FILE`:
 * serves a folder on a free port of this machine, with the ranges that a checkpoint is read in, and
 * writes `127.0.0.1:PORT` to FILE. For trying out models behind a URL, and pages in a browser, which
 * `--isolated` after FILE has share memory with their workers.
 *
 * @module
 */
import { folderServer } from "./folder_server.ts";

const [folder, addressFile, option] = Deno.args;
if (folder === undefined || addressFile === undefined) {
  console.error("Cannot serve: expected FOLDER and a FILE for the address, found fewer arguments");
  Deno.exit(2);
}
Deno.serve({
  hostname: "127.0.0.1",
  port: 0,
  onListen: ({ hostname, port }) => Deno.writeTextFileSync(addressFile, `${hostname}:${port}`),
}, folderServer(folder, option === "--isolated"));
