/**
 * `deno run --allow-net=127.0.0.1 --allow-read --allow-write tools/serve_folder.ts FOLDER FILE`:
 * serves a folder on a free port of this machine, with the ranges that a checkpoint is read in, and
 * writes `127.0.0.1:PORT` to FILE. For trying out models behind a URL, and pages in a browser.
 *
 * @module
 */
import { join, resolve, sep } from "node:path";

const types: Readonly<Record<string, string>> = {
  html: "text/html; charset=utf-8",
  js: "text/javascript",
  json: "application/json",
};

/** Answers a request for a file under `root`, or for a range of its bytes. */
async function answer(request: Request, root: string): Promise<Response> {
  const path = join(root, decodeURIComponent(new URL(request.url).pathname));
  if (path !== root && !path.startsWith(root + sep)) return new Response(null, { status: 403 });
  const bytes = await Deno.readFile(path).catch(() => undefined);
  if (bytes === undefined) return new Response(null, { status: 404 });
  const headers = {
    "accept-ranges": "bytes",
    "access-control-allow-origin": "*",
    "content-type": types[path.split(".").at(-1)!] ?? "application/octet-stream",
  };
  const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.get("range") ?? "");
  if (!range) return new Response(bytes, { headers });
  const first = Number(range[1]);
  const last = Math.min(range[2] === "" ? Infinity : Number(range[2]), bytes.length - 1);
  const contentRange = `bytes ${first > last ? "*" : `${first}-${last}`}/${bytes.length}`;
  return new Response(first > last ? null : bytes.subarray(first, last + 1), {
    status: first > last ? 416 : 206,
    headers: { ...headers, "content-range": contentRange },
  });
}

const [folder, addressFile] = Deno.args;
if (folder === undefined || addressFile === undefined) {
  console.error("Cannot serve: expected FOLDER and a FILE for the address, found fewer arguments");
  Deno.exit(2);
}
const root = resolve(folder);
Deno.serve({
  hostname: "127.0.0.1",
  port: 0,
  onListen: ({ hostname, port }) => Deno.writeTextFileSync(addressFile, `${hostname}:${port}`),
}, (request) => answer(request, root));
