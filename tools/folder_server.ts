import { join, resolve, sep } from "node:path";

const types: Readonly<Record<string, string>> = {
  html: "text/html; charset=utf-8",
  js: "text/javascript",
  json: "application/json",
};

/** With these a browser isolates a page, and lets its workers share memory. */
const isolating = {
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-embedder-policy": "require-corp",
};

/**
 * Answers requests for the files of a folder, whole or in the ranges that a checkpoint is read in.
 *
 * @param folder The folder; nothing outside of it is given.
 * @param isolated Whether pages are cross-origin isolated.
 */
export function folderServer(
  folder: string,
  isolated: boolean = false,
): (request: Request) => Promise<Response> {
  const root = resolve(folder);
  return async (request) => {
    const path = join(root, decodeURIComponent(new URL(request.url).pathname));
    if (path !== root && !path.startsWith(root + sep)) return new Response(null, { status: 403 });
    const bytes = await Deno.readFile(path).catch(() => undefined);
    if (bytes === undefined) return new Response(null, { status: 404 });
    const headers = {
      "accept-ranges": "bytes",
      "access-control-allow-origin": "*",
      "content-type": types[path.split(".").at(-1)!] ?? "application/octet-stream",
      ...(isolated ? isolating : {}),
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
  };
}
