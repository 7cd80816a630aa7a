import { AssayError } from "../error.ts";
import { allocateBytes, type ByteSource, checkRange } from "./byte_source.ts";
import { type HttpPatience, Patience } from "./http_patience.ts";

/** How to ask the server. */
export interface HttpOptions extends HttpPatience {
  /** Stands in for the global `fetch`, for example to retry or to cache. */
  readonly fetch?: typeof fetch | undefined;
  /** Headers of every request, for example `authorization`. */
  readonly headers?: HeadersInit | undefined;
}

/**
 * Opens a file behind HTTP for reading by range requests; needs `--allow-net` for its host.
 *
 * The length comes from a HEAD request, or from a request for the first byte where the server
 * refuses HEAD. A file that changes while it is read is an error, not a mixture; so is a server that
 * stalls, or that answers more slowly than `leastRate`.
 *
 * @param url Address of the file.
 * @param options A `fetch` of your own, headers, and how long to wait.
 * @returns The source, or `undefined` where the server has no such file (404 or 410).
 * @throws {AssayError} `checkpoint/bad-address`, `checkpoint/http-status`,
 * `checkpoint/http-failed`, `checkpoint/permission-denied`, `checkpoint/http-no-length`,
 * `checkpoint/http-timeout`, `checkpoint/bad-option`. Reading also throws `checkpoint/http-no-range`, `checkpoint/http-wrong-range`,
 * `checkpoint/http-changed`, `checkpoint/http-truncated` and `checkpoint/closed`.
 */
export async function httpSource(
  url: string | URL,
  options: HttpOptions = {},
): Promise<ByteSource | undefined> {
  const file = new RemoteFile(parseAddress(url), options);
  const byteLength = await file.findLength();
  return byteLength === undefined ? undefined : new HttpSource(file, byteLength);
}

/**
 * Parses an address.
 *
 * @throws {AssayError} `checkpoint/bad-address`.
 */
export function parseAddress(address: string | URL): URL {
  const url = URL.parse(address);
  if (url === null) {
    throw new AssayError(
      "checkpoint/bad-address",
      `Cannot read ${address}: expected an address such as https://host/folder, found another text`,
    );
  }
  return url;
}

/** One address and the requests made of it. */
class RemoteFile {
  /** Without credentials and query, which may hold secrets. */
  readonly name: string;
  readonly #url: URL;
  readonly #fetch: typeof fetch;
  readonly #headers: Headers;
  readonly patience: Patience;
  readonly #closing = new AbortController();

  constructor(url: URL, options: HttpOptions) {
    this.name = url.origin + url.pathname;
    this.patience = new Patience(this.name, options);
    this.#url = url;
    this.#fetch = options.fetch ?? fetch;
    this.#headers = new Headers(options.headers);
    // A compressed answer would have other ranges. Browsers drop this header and do the same.
    this.#headers.set("accept-encoding", "identity");
  }

  async request(method: "GET" | "HEAD", range?: string): Promise<Response> {
    const headers = new Headers(this.#headers);
    if (range !== undefined) headers.set("range", range);
    // Ends a request that nobody waits for any more.
    const request = new AbortController();
    try {
      this.#closing.signal.throwIfAborted();
      const signal = AbortSignal.any([this.#closing.signal, request.signal]);
      const fetchAlone = this.#fetch; // a browser's own refuses to be called as a method of something
      return await this.patience.head(fetchAlone(this.#url, { method, headers, signal }));
    } catch (error) {
      request.abort();
      throw this.explain(error);
    }
  }

  /** The length in bytes, or `undefined` where there is no such file. */
  async findLength(): Promise<number | undefined> {
    const head = await this.request("HEAD");
    await head.body?.cancel();
    if (head.status === 404 || head.status === 410) return undefined;
    if (head.ok && !head.headers.has("content-encoding")) {
      const length = parseLength(head.headers.get("content-length"));
      if (length !== undefined && length > 0) return length;
    }
    // Some servers refuse HEAD, signed addresses among them, or answer it without the length or with 0.
    const probe = await this.request("GET", "bytes=0-0");
    await probe.body?.cancel();
    if (probe.status === 404 || probe.status === 410) return undefined;
    if (!probe.ok && probe.status !== 416) throw this.badStatus(probe);
    const length = probe.status === 200
      ? parseLength(probe.headers.get("content-length"))
      : parseContentRange(probe.headers.get("content-range"))?.total; // 416 for an empty file
    if (length === undefined) {
      this.refuse("http-no-length", "the length of the file in the answer", "none");
    }
    return length;
  }

  close(): void {
    this.#closing.abort();
  }

  badStatus(response: Response): AssayError {
    const { status, statusText } = response;
    const advice = status === 401 || status === 403
      ? `; pass a token as httpFolder(address, { headers: { authorization: "Bearer …" } })`
      : "";
    return new AssayError(
      "checkpoint/http-status",
      `Cannot read ${this.name}: expected status 206, found ${status} ${statusText}`.trimEnd() +
        advice,
    );
  }

  refuse(code: string, expected: string, found: string): never {
    throw new AssayError(
      `checkpoint/${code}`,
      `Cannot read ${this.name}: expected ${expected}, found ${found}`,
    );
  }

  /** Turns what `fetch` or a body throws into an error that says what to do. */
  explain(error: unknown): AssayError {
    if (error instanceof AssayError) return error;
    if (this.#closing.signal.aborted) {
      return new AssayError("checkpoint/closed", `Cannot read ${this.name}: it has been closed`);
    }
    if (error instanceof Error && error.name === "NotCapable") {
      const own = this.#url.host;
      const refused = refusedHost(error.message) ?? own;
      const isOwn = refused === own || refused === `${own}:${defaultPorts[this.#url.protocol]}`;
      const host = isOwn ? own : refused;
      const server = isOwn ? "the server" : `${host}, where the server sends readers on to`;
      return new AssayError(
        "checkpoint/permission-denied",
        `Cannot read ${this.name}: expected permission to reach ${server}, found none; ` +
          `run Deno with --allow-net=${host}`,
        { cause: error },
      );
    }
    // The runtime's own message may repeat the address, secrets and all.
    const reason = String(error).replaceAll(/https?:\/\/[^\s)]+/g, "the server");
    return new AssayError("checkpoint/http-failed", `Cannot read ${this.name}: ${reason}`, {
      cause: error,
    });
  }
}

class HttpSource implements ByteSource {
  readonly name: string;
  readonly byteLength: number;
  readonly #file: RemoteFile;
  /** `etag` and `last-modified` of the first answer; all later ones must agree with them. */
  #version: Headers | undefined;

  constructor(file: RemoteFile, byteLength: number) {
    this.name = file.name;
    this.byteLength = byteLength;
    this.#file = file;
  }

  async read(offset: number, length: number): Promise<Uint8Array<ArrayBuffer>> {
    checkRange(this, offset, length);
    if (length === 0) return new Uint8Array(0);
    const response = await this.#file.request("GET", `bytes=${offset}-${offset + length - 1}`);
    const body = response.body?.getReader(); // not every browser iterates over a stream
    try {
      this.#checkResponse(response, offset, length);
      return await this.#readBody(body, length);
    } catch (error) {
      // Frees the connection; where the body is at its end or broken there is nothing to free.
      await body?.cancel().catch(() => {});
      throw this.#file.explain(error);
    }
  }

  [Symbol.dispose](): void {
    this.#file.close();
  }

  #checkResponse(response: Response, offset: number, length: number): void {
    const { status, headers } = response;
    if (status === 416) {
      this.#changed(`${this.byteLength} bytes`, "fewer");
    } else if (status !== 200 && status !== 206) {
      throw this.#file.badStatus(response);
    }
    this.#checkVersion(headers);
    if (status === 200) {
      if (length === this.byteLength) return; // all of the file was asked for
      this.#file.refuse(
        "http-no-range",
        `status 206 and ${length} bytes`,
        "status 200: the server ignores range requests; use another or download the checkpoint",
      );
    }
    const text = headers.get("content-range");
    if (text === null) return; // other origins may hide it from browsers; the body is measured anyway
    const range = parseContentRange(text);
    if (range?.start !== offset || range.end !== offset + length - 1) {
      this.#file.refuse("http-wrong-range", `bytes ${offset}-${offset + length - 1}`, text);
    }
    if (range.total !== undefined && range.total !== this.byteLength) {
      this.#changed(`${this.byteLength} bytes`, `${range.total}`);
    }
  }

  #checkVersion(headers: Headers): void {
    const version = this.#version ??= headers;
    const [known, found] = [version.get("etag"), headers.get("etag")];
    if (known !== found) this.#changed(`etag ${known ?? "none"}`, found ?? "none");
    if (known !== null) return; // the date of one file may differ between two servers
    const [date, other] = [version.get("last-modified"), headers.get("last-modified")];
    if (date !== other) this.#changed(`last-modified ${date ?? "none"}`, other ?? "none");
  }

  #changed(expected: string, found: string): never {
    this.#file.refuse(
      "http-changed",
      `${expected} as before`,
      `${found}: the file changed while it was read; open the checkpoint again`,
    );
  }

  async #readBody(
    body: ReadableStreamDefaultReader<Uint8Array> | undefined,
    length: number,
  ): Promise<Uint8Array<ArrayBuffer>> {
    const bytes = allocateBytes(length, this.name);
    const clock = this.#file.patience.body();
    let filled = 0;
    for (;;) {
      const read = body?.read() ?? Promise.resolve(undefined);
      const chunk = (await clock.next(read, filled, (some) => some?.value?.length ?? 0))?.value;
      if (chunk === undefined) break;
      if (filled + chunk.length > length) {
        this.#file.refuse("http-wrong-range", `${length} bytes`, "more");
      }
      bytes.set(chunk, filled);
      filled += chunk.length;
    }
    if (filled < length) this.#file.refuse("http-truncated", `${length} bytes`, `${filled}`);
    return bytes;
  }
}

const defaultPorts: Readonly<Record<string, number>> = { "http:": 80, "https:": 443 };

/** The host that Deno refused: a server may send a request on to another than was asked. */
function refusedHost(message: string): string | undefined {
  return /"([\w.:[\]-]+)"/.exec(message)?.[1];
}

function parseLength(text: string | null): number | undefined {
  const length = text !== null && /^[0-9]+$/.test(text) ? Number(text) : NaN;
  return Number.isSafeInteger(length) ? length : undefined;
}

// Parses "bytes 0-4/10", and with "*" for a total or a range unknown (RFC 9110, section 14.4).
function parseContentRange(
  text: string | null,
): { start: number | undefined; end: number | undefined; total: number | undefined } | undefined {
  const parts = /^bytes (?:([0-9]+)-([0-9]+)|\*)\/([0-9]+|\*)$/.exec(text ?? "");
  if (parts === null) return undefined;
  const [start, end, total] = parts.slice(1).map((part) => parseLength(part ?? null));
  return { start, end, total };
}
