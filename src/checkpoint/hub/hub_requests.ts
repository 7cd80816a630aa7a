import { AssayError } from "../../error.ts";
import { type BodyClock, Patience } from "../http_patience.ts";
import { statusError } from "./hub_errors.ts";
import type { HubOptions, HubSettings } from "./hub_settings.ts";
import { badAnswer } from "./hub_tree.ts";
import { PassingTrouble, Retries } from "./retries.ts";

/** The most redirects of one request, and bytes of an answer that is no file. */
const mostRedirects = 6;
const mostAnswerBytes = 32 * 1024 * 1024;

const redirects: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

/** What an answer's body gives, piece by piece. */
export interface Content {
  readonly response: Response;
  /** The next bytes; `undefined` at the end. */
  next(received: number): Promise<Uint8Array | undefined>;
  /** Lets the connection go. */
  close(): Promise<void>;
}

/**
 * Requests of a hub. The token goes to the hub's own address and nowhere else; a file may lie with
 * another host that the hub names, and that one may not send on to a third.
 */
export class HubRequests {
  readonly endpoint: URL;
  readonly #token: string | undefined;
  readonly #options: HubOptions;
  readonly #patience: Patience;
  #tries: number | undefined;

  constructor({ endpoint, token }: HubSettings, options: HubOptions) {
    this.endpoint = endpoint;
    this.#token = token;
    this.#options = options;
    const { timeout } = options;
    this.#patience = new Patience(endpoint.host, { timeout }, "try again: what came is kept");
  }

  /** Whether a token goes with the requests. */
  get hasToken(): boolean {
    return this.#token !== undefined;
  }

  /** Lets a request fail at once: there is something to fall back on. */
  failFast(): void {
    this.#tries = 1;
  }

  /** The pauses between tries of one thing. */
  retries(): Retries {
    return new Retries(this.#options.backoff ?? 500, this.#options.signal, this.#tries);
  }

  /** A `fetch` for the hub's interface, of answers that are not large. */
  api(repo: string): typeof fetch {
    return async (input, init) => {
      const asked = new URL(input instanceof Request ? input.url : input);
      // A mirror may name the hub that it mirrors as the place of a listing's next page.
      const url = asked.origin === this.endpoint.origin
        ? asked
        : new URL(asked.pathname + asked.search, this.endpoint);
      return await this.retries().run(async () => {
        const content = await this.#send(url, new Headers(init?.headers), { repo });
        try {
          return new Response(await wholeBody(content, repo), {
            headers: content.response.headers,
          });
        } finally {
          await content.close();
        }
      });
    };
  }

  /**
   * Asks for a file of a commit from a byte on, once.
   *
   * @throws {AssayError} Codes of {@link statusError}, `checkpoint/hub-redirect`,
   * `checkpoint/permission-denied`; `PassingTrouble` for what may go well another time.
   */
  file(repo: string, commit: string, path: string, from: number): Promise<Content> {
    const parts = path.split("/").map(encodeURIComponent).join("/");
    const url = new URL(
      `${this.endpoint.href.replace(/\/$/, "")}/${repo}/resolve/${commit}/${parts}`,
    );
    const headers = new Headers(from === 0 ? {} : { range: `bytes=${from}-` });
    return this.#send(url, headers, { repo, commit, file: path });
  }

  async #send(
    first: URL,
    headers: Headers,
    asked: { repo: string; commit?: string; file?: string },
  ): Promise<Content> {
    headers.set("accept-encoding", "identity"); // a compressed answer would have other ranges
    let url = first;
    for (let hops = 0; hops <= mostRedirects; hops++) {
      const isHub = url.origin === this.endpoint.origin;
      const content = await this.#once(url, headers, isHub);
      const { response } = content;
      const { status } = response;
      if (isHub) checkCommit(response, asked);
      if (status === 200 || status === 206) return content;
      await content.close();
      if (!redirects.has(status)) {
        throw statusError(response, url, {
          ...asked,
          endpoint: this.endpoint,
          token: this.hasToken,
        });
      }
      url = this.#next(url, response.headers.get("location"), asked);
    }
    throw redirectError(asked, "an answer", `more than ${mostRedirects} redirects`);
  }

  /** Where a redirect leads, if it may. */
  #next(from: URL, location: string | null, asked: { repo: string; file?: string }): URL {
    const to = location === null ? null : URL.parse(location, from);
    if (to === null) throw redirectError(asked, "an address to go on to", "none");
    if (to.origin === from.origin) return to;
    const isFile = asked.file !== undefined && from.origin === this.endpoint.origin;
    const isSafe = to.protocol === "https:" || to.protocol === this.endpoint.protocol;
    if (isFile && isSafe && /^https?:$/.test(to.protocol) && to.username === "") return to;
    const allowed = isFile ? "an address by https" : `an answer of ${from.host} itself`;
    throw redirectError(asked, allowed, `a redirect to ${to.protocol}//${to.host}`);
  }

  async #once(url: URL, headers: Headers, withToken: boolean): Promise<Content> {
    const closing = new AbortController();
    const { signal: outer } = this.#options;
    const signal = outer === undefined ? closing.signal : AbortSignal.any([outer, closing.signal]);
    const sent = new Headers(headers);
    if (withToken && this.#token !== undefined) sent.set("authorization", `Bearer ${this.#token}`);
    try {
      const answer = fetch(url, { headers: sent, redirect: "manual", signal });
      const response = await this.#patience.head(answer);
      return contentOf(
        response,
        this.#patience.body(),
        closing,
        (error) => this.#explain(error, url),
      );
    } catch (error) {
      closing.abort();
      throw this.#explain(error, url);
    }
  }

  #explain(error: unknown, url: URL): unknown {
    this.#options.signal?.throwIfAborted();
    if (error instanceof PassingTrouble) return error;
    if (error instanceof AssayError) return new PassingTrouble(error); // a server that is too slow
    if (error instanceof Error && error.name === "NotCapable") {
      const isHub = url.origin === this.endpoint.origin;
      return new AssayError(
        "checkpoint/permission-denied",
        `Cannot reach ${url.host}${isHub ? "" : ", where the hub keeps large files"}: expected ` +
          `permission, found none; run Deno with --allow-net=${url.host}` +
          (isHub ? " (files may lie with another host, which is then told)" : " beside the hub's"),
        { cause: error },
      );
    }
    // The runtime's own message may repeat the address, which may hold a signature.
    const reason = String(error).replaceAll(/https?:\/\/[^\s)]+/g, "the server");
    return new PassingTrouble(
      new AssayError(
        "checkpoint/hub-unreachable",
        `Cannot reach ${url.host}: ${reason}; what came is kept, and the same command goes on; a model ` +
          "that is in the cache needs no hub (HF_HUB_OFFLINE=1)",
        { cause: error },
      ),
    );
  }
}

function contentOf(
  response: Response,
  clock: BodyClock,
  closing: AbortController,
  explain: (error: unknown) => unknown,
): Content {
  const body = response.body?.getReader();
  return {
    response,
    async next(received) {
      const read = body?.read() ?? Promise.resolve(undefined);
      try {
        return (await clock.next(read, received, (some) => some?.value?.length ?? 0))?.value;
      } catch (error) {
        throw explain(error);
      }
    },
    async close() {
      closing.abort();
      await body?.cancel().catch(() => {});
    },
  };
}

async function wholeBody(content: Content, repo: string): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Uint8Array[] = [];
  let received = 0;
  for (let chunk; (chunk = await content.next(received)) !== undefined;) {
    received += chunk.length;
    if (received > mostAnswerBytes) {
      throw badAnswer(repo, `at most ${mostAnswerBytes} bytes`, "more");
    }
    chunks.push(chunk);
  }
  const bytes = new Uint8Array(received);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}

/** A hub says of which commit an answer is. */
function checkCommit(
  response: Response,
  { repo, commit }: { repo: string; commit?: string },
): void {
  const found = response.headers.get("x-repo-commit");
  if (commit === undefined || found === null || found === commit) return;
  throw badAnswer(repo, `files of commit ${commit}`, `those of ${found.slice(0, 60)}`);
}

function redirectError(
  { repo, file }: { repo: string; file?: string },
  expected: string,
  found: string,
): AssayError {
  return new AssayError(
    "checkpoint/hub-redirect",
    `Cannot read ${
      file ?? "the listing"
    } of ${repo}: expected ${expected}, found ${found}; it was not ` +
      "followed",
  );
}
