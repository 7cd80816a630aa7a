import { AssayError, blobFolder, type ByteSource, httpFolder } from "../../mod.ts";

/** A file where a model comes from. */
export interface OriginFile {
  /** Random access, for what is looked at before it is kept. */
  readonly source: ByteSource;
  /** What changes with its content: an ETag, a date; empty where the origin tells none. */
  readonly tag: string;
  /** Its bytes from one of them on. */
  read(offset: number): Promise<ReadableStream<Uint8Array<ArrayBuffer>>>;
}

/** Where a model comes from. */
export interface ModelOrigin {
  readonly name: string;
  /** The file; `undefined` where there is none. */
  find(path: string): Promise<OriginFile | undefined>;
  /** Names of its files, where they can be listed. */
  list?(): Promise<readonly string[]>;
}

/** Files that the user picked. */
export function pickedOrigin(name: string, files: ReadonlyMap<string, File>): ModelOrigin {
  const folder = blobFolder(name, files);
  return {
    name,
    async find(path) {
      const [file, source] = [files.get(path), await folder.open(path)];
      if (file === undefined || source === undefined) return undefined;
      return {
        source,
        tag: String(file.lastModified),
        read: (offset) => Promise.resolve(file.slice(offset).stream()),
      };
    },
    list: () => Promise.resolve([...files.keys()]),
  };
}

/** A folder behind HTTP, on a server that may know no ranges. */
export function addressOrigin(address: string): ModelOrigin {
  return {
    name: address,
    async find(path) {
      let tag = "";
      let url: string | undefined;
      const asked: typeof fetch = async (input, init) => {
        const response = await fetchRange(input, init);
        const { headers } = response;
        tag ||= headers.get("etag") ?? headers.get("last-modified") ?? "";
        url ??= String(input);
        return response;
      };
      const source = await httpFolder(address, { fetch: explained(asked) }).open(path);
      return source && { source, tag, read: (offset) => readFrom(url!, offset) };
    },
  };
}

/** A browser does not tell a page why it can't have an answer. */
function explained(ask: typeof fetch): typeof fetch {
  return async (input, init) => {
    try {
      return await ask(input, init);
    } catch (cause) {
      if (!(cause instanceof TypeError)) throw cause;
      const url = new URL(String(input));
      const message = `Cannot read ${url.origin}${url.pathname}: ${unreachable(url)}`;
      throw new AssayError("checkpoint/http-failed", message, { cause });
    }
  };
}

function unreachable({ origin, protocol }: URL): string {
  if (!navigator.onLine) return "there is no network";
  if (origin === location.origin) return "the server does not answer";
  if (protocol === "http:" && location.protocol === "https:") {
    return "a page that came by https: may not read from http:; give an https: address";
  }
  return `either ${origin} does not answer, or it does not let pages of other sites read its files ` +
    `(it would have to send the header "access-control-allow-origin"); then download the folder and ` +
    "pick it";
}

/**
 * Asks for a range of a file. A server that knows no ranges answers with the whole file: the bytes
 * before the range are then passed over, and those behind it are not waited for.
 */
async function fetchRange(input: string | URL | Request, init?: RequestInit): Promise<Response> {
  const response = await fetch(input, init);
  const range = /^bytes=(\d+)-(\d+)$/.exec(new Headers(init?.headers).get("range") ?? "");
  if (range === null || response.status !== 200 || response.body === null) return response;
  const [first, last] = [Number(range[1]), Number(range[2])];
  const headers = new Headers(response.headers);
  const total = headers.get("content-length");
  if (headers.has("content-encoding") || total === null) return response;
  headers.delete("content-length");
  headers.set("content-range", `bytes ${first}-${Math.min(last, Number(total) - 1)}/${total}`);
  return new Response(cut(response.body, first, last + 1), { status: 206, headers });
}

/** The bytes of a stream from `start` on and before `end`. */
function cut(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
  start: number,
  end: number,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  const reader = stream.getReader();
  let at = 0;
  return new ReadableStream({
    async pull(controller) {
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return controller.close();
        const part = value.subarray(Math.max(0, start - at), Math.max(0, end - at));
        at += value.length;
        if (part.length > 0) controller.enqueue(part);
        if (at >= end) {
          controller.close();
          return await reader.cancel();
        }
        if (part.length > 0) return;
      }
    },
    cancel: (reason) => reader.cancel(reason),
  });
}

async function readFrom(
  url: string,
  offset: number,
): Promise<ReadableStream<Uint8Array<ArrayBuffer>>> {
  // Also from the first byte on: an answer to a request for a range is never compressed.
  const response = await explained(fetch)(url, { headers: { range: `bytes=${offset}-` } });
  if (!response.ok || response.body === null) {
    throw new Error(`Cannot read ${url}: expected status 206, found ${response.status}`);
  }
  return response.status === 206 ? response.body : cut(response.body, offset, Infinity);
}
