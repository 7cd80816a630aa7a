import { join, resolve, sep } from "node:path";

const types: Readonly<Record<string, string>> = {
  html: "text/html; charset=utf-8",
  css: "text/css",
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
    using file = await Deno.open(path, { read: true }).catch(() => undefined);
    const { isFile, size, mtime } = await file?.stat() ?? { isFile: false, size: 0, mtime: null };
    if (file === undefined || !isFile) return new Response(null, { status: 404 });
    const headers = {
      "accept-ranges": "bytes",
      "access-control-allow-origin": "*",
      "access-control-expose-headers": "etag",
      "etag": `"${size}-${mtime?.getTime() ?? 0}"`,
      "content-type": types[path.split(".").at(-1)!] ?? "application/octet-stream",
      ...(isolated ? isolating : {}),
    };
    if (request.method === "HEAD") {
      return new Response(null, { headers: { ...headers, "content-length": `${size}` } });
    }
    const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.get("range") ?? "");
    if (!range) return new Response(await bytesOf(file, 0, size), { headers });
    const first = Number(range[1]);
    const last = Math.min(range[2] === "" ? Infinity : Number(range[2]), size - 1);
    const contentRange = `bytes ${first > last ? "*" : `${first}-${last}`}/${size}`;
    return new Response(first > last ? null : await bytesOf(file, first, last + 1 - first), {
      status: first > last ? 416 : 206,
      headers: { ...headers, "content-range": contentRange },
    });
  };
}

async function bytesOf(
  file: Deno.FsFile,
  offset: number,
  length: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(length);
  await file.seek(offset, Deno.SeekMode.Start);
  for (let filled = 0; filled < length;) {
    const count = await file.read(bytes.subarray(filled));
    if (count === null) throw new Error("the file became shorter");
    filled += count;
  }
  return bytes;
}
