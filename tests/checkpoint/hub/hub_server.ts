import { createHash } from "node:crypto";

/** One request as a server of {@linkcode HubServer} got it. */
export interface HubRequest {
  /** Which of the two servers: the hub, or the one that it keeps large files with. */
  readonly host: "hub" | "cdn";
  readonly url: URL;
  readonly headers: Headers;
  /** Bytes of the body that were sent. */
  sent: number;
}

/** An answer; the connection ends after `cut` bytes of the body, once `until` has come about. */
export interface HubAnswer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly body?: Uint8Array<ArrayBuffer> | string | undefined;
  readonly cut?: number | undefined;
  readonly until?: Promise<unknown> | undefined;
}

/** The files of one commit, by path. */
export type HubFiles = Readonly<Record<string, Uint8Array<ArrayBuffer>>>;

/** Files of which the repository has a pointer only. */
function isLarge(path: string): boolean {
  return path.endsWith(".safetensors");
}

function hash(algorithm: string, ...parts: (Uint8Array | string)[]): string {
  return parts.reduce((hash, part) => hash.update(part), createHash(algorithm)).digest("hex");
}

/** The hash that names a file's blob. */
export function etagOfBytes(path: string, bytes: Uint8Array): string {
  return isLarge(path) ? hash("sha256", bytes) : hash("sha1", `blob ${bytes.length}\0`, bytes);
}

/**
 * A hub on this machine with one model: the parts of its interface that Assay uses, and a second server
 * for large files, to which the first sends on.
 */
export class HubServer implements AsyncDisposable {
  readonly requests: HubRequest[] = [];
  readonly repo: string;
  /** Commits by their name, and the commit of each branch; a test may change them. */
  readonly commits: Map<string, HubFiles> = new Map();
  readonly branches: Map<string, string> = new Map();
  /** Entries on a page of a listing. */
  pageSize = 3;
  /** A token without which nothing is told. */
  token: string | undefined;
  /** Puts another answer in place of one. */
  change: (answer: HubAnswer, request: HubRequest) => HubAnswer | Promise<HubAnswer> = (answer) =>
    answer;
  readonly #hub: Deno.TcpListener;
  readonly #cdn: Deno.TcpListener;
  readonly #open = new Set<Deno.TcpConn>();

  constructor(files: HubFiles, repo = "local/model", commit = "a".repeat(40)) {
    this.repo = repo;
    this.commits.set(commit, files);
    this.branches.set("main", commit);
    this.#hub = this.#listen("hub");
    this.#cdn = this.#listen("cdn");
  }

  get endpoint(): string {
    return `http://127.0.0.1:${this.#hub.addr.port}`;
  }

  get cdn(): string {
    return `http://127.0.0.1:${this.#cdn.addr.port}`;
  }

  /** Bytes of files that were sent, by path. */
  sentOf(path: string): number {
    return this.requests.filter(({ url }) => decodeURIComponent(url.pathname).endsWith(`/${path}`))
      .reduce((sum, { sent }) => sum + sent, 0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#hub.close();
    this.#cdn.close();
    for (const connection of this.#open) {
      try {
        connection.close();
      } catch {
        // It has ended.
      }
    }
    await new Promise((resolve) => setTimeout(resolve));
  }

  #listen(host: HubRequest["host"]): Deno.TcpListener {
    const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    (async () => {
      for await (const connection of listener) {
        this.#open.add(connection);
        this.#serve(connection, host).catch(() => {}).finally(() => {
          this.#open.delete(connection);
          try {
            connection.close();
          } catch {
            // It has ended.
          }
        });
      }
    })().catch(() => {});
    return listener;
  }

  async #serve(connection: Deno.TcpConn, host: HubRequest["host"]): Promise<void> {
    const head = await readHead(connection);
    const [line = "", ...fields] = head.split("\r\n");
    const headers = new Headers(
      fields.map((field) => /^([^:]+):\s*(.*)$/.exec(field)!.slice(1, 3) as [string, string]),
    );
    const url = new URL(line.split(" ")[1]!, host === "hub" ? this.endpoint : this.cdn);
    const request: HubRequest = { host, url, headers, sent: 0 };
    this.requests.push(request);
    const answer = await this.change(this.#answer(request), request);
    const isHead = line.startsWith("HEAD ");
    await sendAnswer(connection, isHead ? { ...answer, cut: 0 } : answer, request);
  }

  #answer(request: HubRequest): HubAnswer {
    const path = decodeURIComponent(request.url.pathname);
    if (request.host === "cdn") return this.#content(path.split("/")[1]!, path, request);
    if (this.token !== undefined) {
      if (request.headers.get("authorization") !== `Bearer ${this.token}`) {
        return problem(401, "RepoNotFound");
      }
    }
    const isDataset = this.repo.startsWith("datasets/");
    const api = `/api/${isDataset ? "" : "models/"}${this.repo}/`;
    if (path.startsWith(`${api}revision/`)) return this.#info(path.slice(api.length + 9));
    if (path.startsWith(`${api}tree/`)) return this.#tree(path.slice(api.length + 5), request.url);
    const file = `/${this.repo}/resolve/`;
    if (!path.startsWith(file)) return problem(404, "RepoNotFound");
    const [revision = "", ...rest] = path.slice(file.length).split("/");
    return this.#content(this.branches.get(revision) ?? revision, `/${rest.join("/")}`, request);
  }

  #info(revision: string): HubAnswer {
    const sha = this.branches.get(revision) ?? (this.commits.has(revision) ? revision : undefined);
    if (sha === undefined) return problem(404, "RevisionNotFound");
    return json({
      _id: "1",
      id: this.repo,
      sha,
      private: false,
      lastModified: "2026-01-01T00:00:00.000Z",
    });
  }

  #tree(revision: string, url: URL): HubAnswer {
    const files = this.commits.get(this.branches.get(revision) ?? revision);
    if (files === undefined) return problem(404, "RevisionNotFound");
    const entries = Object.entries(files).map(([path, bytes]) => {
      const pointer = hash("sha1", `blob 1\0${path}`);
      const own = { type: "file", path, size: bytes.length, oid: etagOfBytes(path, bytes) };
      if (!isLarge(path)) return own;
      const lfs = { oid: own.oid, size: bytes.length, pointerSize: 134 };
      return { ...own, oid: pointer, lfs, xetHash: own.oid };
    });
    const at = Number(url.searchParams.get("cursor") ?? 0);
    const next = new URL(url);
    next.searchParams.set("cursor", `${at + this.pageSize}`);
    const isLast = at + this.pageSize >= entries.length;
    const headers = isLast ? undefined : { link: `<${next.href}>; rel="next"` };
    return json(entries.slice(at, at + this.pageSize), headers);
  }

  #content(commit: string, path: string, { host, headers }: HubRequest): HubAnswer {
    const name = path.slice(path.indexOf("/", host === "cdn" ? 1 : 0) + 1);
    const bytes = this.commits.get(commit)?.[name];
    if (bytes === undefined) return problem(404, "EntryNotFound");
    const own = { "x-repo-commit": commit, etag: `"${etagOfBytes(name, bytes)}"` };
    if (host === "hub" && isLarge(name)) {
      const linked = { "x-linked-etag": own.etag, "x-linked-size": `${bytes.length}` };
      const location = `${this.cdn}/${commit}/${name}?signature=secret`;
      return { status: 302, headers: { ...own, ...linked, location } };
    }
    const from = Number(/^bytes=(\d+)-$/.exec(headers.get("range") ?? "")?.[1] ?? 0);
    if (from === 0) return { status: 200, headers: own, body: bytes };
    const range = `bytes ${from}-${bytes.length - 1}/${bytes.length}`;
    return { status: 206, headers: { ...own, "content-range": range }, body: bytes.slice(from) };
  }
}

/** An answer of JSON. */
export function json(value: unknown, headers: Readonly<Record<string, string>> = {}): HubAnswer {
  const type = { "content-type": "application/json" };
  return { status: 200, headers: { ...type, ...headers }, body: JSON.stringify(value) };
}

/** An answer that says what is wrong, as the hub does. */
export function problem(status: number, code: string): HubAnswer {
  return { ...json({ error: code }, { "x-error-code": code }), status };
}

async function readHead(connection: Deno.TcpConn): Promise<string> {
  let text = "";
  const bytes = new Uint8Array(4096);
  while (!text.includes("\r\n\r\n")) {
    const count = await connection.read(bytes);
    if (count === null) throw new Error("the client went away");
    text += new TextDecoder().decode(bytes.subarray(0, count));
  }
  return text.slice(0, text.indexOf("\r\n\r\n"));
}

async function sendAnswer(
  connection: Deno.TcpConn,
  { status, headers = {}, body = "", cut, until }: HubAnswer,
  request: HubRequest,
): Promise<void> {
  const bytes = typeof body === "string" ? new TextEncoder().encode(body) : body;
  const length = "transfer-encoding" in headers ? {} : { "content-length": `${bytes.length}` };
  const all = { ...length, ...headers, connection: "close" };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}`);
  const head = [`HTTP/1.1 ${status} Some`, ...lines, "", ""].join("\r\n");
  await writeAll(connection, new TextEncoder().encode(head));
  const sent = cut === undefined ? bytes : bytes.subarray(0, cut);
  for (let at = 0; at < sent.length; at += 65536) {
    const chunk = sent.subarray(at, at + 65536);
    await writeAll(connection, chunk);
    request.sent += chunk.length;
  }
  await until;
}

async function writeAll(connection: Deno.TcpConn, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await connection.write(bytes.subarray(at));
}
