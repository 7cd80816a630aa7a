import { parseJson } from "../data/json_text.ts";
import type { Row } from "../data/rows.ts";
import { AssayError } from "../error.ts";
import { sha256 } from "../numbers/sha256.ts";
import { failureOf, permissionAdvice } from "../runtime/failure.ts";
import { answerHeaders, requestDigest } from "./answer_headers.ts";
import { boundedBytes } from "./bounded_answer.ts";
import { readIdentity, type ScoringIdentity } from "./scoring_identity.ts";
import { shownAddress } from "./shown_address.ts";
import { failureOfAnswer, notAssay, ServerFailure } from "./server_failure.ts";

/** What a server tells of itself. */
export interface ServerFacts {
  readonly identity: ScoringIdentity;
  readonly digest: string;
}

/** How servers are asked. */
export interface AskOptions {
  /** The key that they want. */
  readonly apiKey?: string | undefined;
  /** The name of the model, of servers that have several. */
  readonly model?: string | undefined;
  /** Asks for what explains a score. */
  readonly explain?: boolean | undefined;
  /** Milliseconds in which an answer must have come whole; 330,000 by default, above the server's own deadline. */
  readonly timeout?: number | undefined;
}

/** Rows that a server scored. */
export interface AnsweredRows {
  readonly rows: readonly Row[];
  /** Digest of the identity of what computed them. */
  readonly digest: string;
}

/** Milliseconds in which a server tells what it is. */
const identityPatience = 10_000;

/** Bytes of an answer at most, and how many more for each byte of the rows: explanations are long. */
const answerBytes = 2 ** 24;
const answerShare = 64;

/** One server of a fleet: `assay serve`, or a proxy before several that are alike. */
export class ScoringServer {
  /** What messages call it: its address. */
  readonly name: string;
  readonly #options: AskOptions;
  readonly #search: string;
  /** Bytes of a request that it takes, as far as it told. */
  #mostBytes = Infinity;

  /**
   * @param address `http://…` or `https://…`.
   * @throws {AssayError} `fleet/bad-address`.
   */
  constructor(address: string, options: AskOptions = {}) {
    const url = URL.parse(address);
    const isAddress = url !== null && /^https?:$/.test(url.protocol) && url.username === "" &&
      url.search === "" && url.hash === "";
    if (!isAddress) {
      throw new AssayError(
        "fleet/bad-address",
        `Cannot ask a server: expected an address as http://host:8000, found ${
          shownAddress(address)
        }; keys are given with --api-key-file`,
      );
    }
    this.name = url.href.replace(/\/+$/, "");
    this.#options = options;
    const query = new URLSearchParams();
    if (options.model !== undefined) query.set("model", options.model);
    if (options.explain) query.set("explain", "1");
    this.#search = query.size === 0 ? "" : `?${query}`;
  }

  /**
   * Asks what its rows depend on.
   *
   * @throws {ServerFailure} Also where the signal aborts.
   */
  async identify(signal?: AbortSignal): Promise<ServerFacts> {
    const url = `${this.name}/v1/identity${this.#search}`;
    const { answer, bytes } = await this.#ask(url, { signal, timeout: identityPatience });
    const text = new TextDecoder().decode(bytes);
    let told: { identity?: unknown; digest?: unknown; mostBytes?: unknown } | null;
    try {
      told = JSON.parse(text);
    } catch {
      throw new ServerFailure("gone", notAssay(this.name, answer, text));
    }
    try {
      const identity = readIdentity(told?.identity, this.name);
      if (typeof told?.mostBytes === "number" && told.mostBytes > 0) {
        this.#mostBytes = told.mostBytes;
      }
      return { identity, digest: String(told?.digest) };
    } catch (error) {
      throw new ServerFailure("refused", error as AssayError);
    }
  }

  /**
   * Has rows scored.
   *
   * @param lines The rows, each as JSON.
   * @throws {ServerFailure} Also where the signal aborts.
   */
  async score(lines: readonly string[], signal?: AbortSignal): Promise<AnsweredRows> {
    const asked = new TextEncoder().encode(lines.join("\n"));
    if (asked.length > this.#mostBytes) throw this.#tooLarge(asked.length);
    const url = `${this.name}/v1/rows${this.#search}`;
    const { timeout = 330_000 } = this.#options;
    const { answer, bytes } = await this.#ask(url, { signal, timeout, body: asked });
    const { headers } = answer;
    const wanted = await requestDigest(asked, this.#search);
    if (!headers.has(answerHeaders.request)) {
      throw new ServerFailure("gone", notAssay(this.name, answer, new TextDecoder().decode(bytes)));
    }
    if (headers.get(answerHeaders.request) !== wanted) {
      throw this.#broken("the answer to these rows", "the answer to others");
    }
    if (headers.get(answerHeaders.body) !== await sha256(bytes)) {
      throw this.#broken("an answer that is whole", `${bytes.length} bytes that are not`);
    }
    const rows = rowsOf(new TextDecoder().decode(bytes));
    if (rows?.length !== lines.length) {
      throw this.#broken(`${lines.length} rows`, `${rows?.length ?? "what is none"}`);
    }
    return { rows, digest: headers.get(answerHeaders.identity) ?? "" };
  }

  /** Asks, and reads the whole answer. */
  async #ask(
    url: string,
    { signal, timeout, body }: {
      readonly signal: AbortSignal | undefined;
      readonly timeout: number;
      readonly body?: Uint8Array<ArrayBuffer> | undefined;
    },
  ): Promise<{ answer: Response; bytes: Uint8Array<ArrayBuffer> }> {
    const { apiKey } = this.#options;
    const ended = new AbortController();
    const abort = (): void => ended.abort();
    signal?.addEventListener("abort", abort);
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      ended.abort();
    }, timeout);
    let answer: Response | undefined;
    try {
      if (signal?.aborted) ended.abort();
      answer = await fetch(url, {
        method: body === undefined ? "GET" : "POST",
        headers: {
          ...(apiKey !== undefined && { authorization: `Bearer ${apiKey}` }),
          ...(body !== undefined && { "content-type": "application/x-ndjson" }),
        },
        body: body ?? null,
        redirect: "manual",
        signal: ended.signal,
      });
      if (answer.status !== 200) throw await failureOfAnswer(this.name, answer);
      const most = answerBytes + answerShare * (body?.length ?? 0);
      const bytes = await boundedBytes(answer, most);
      if (bytes === undefined) throw this.#broken(`at most ${most} bytes`, "more");
      return { answer, bytes };
    } catch (error) {
      if (error instanceof ServerFailure) throw error;
      if (isLate) throw this.#broken(`an answer within ${timeout / 1000} s`, "none");
      if (answer !== undefined) throw this.#broken("the whole answer", "that it broke off");
      throw this.#unreachable(error);
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", abort);
    }
  }

  /** Not sent at all: a server that refuses so much may end the connection before it says why. */
  #tooLarge(length: number): ServerFailure {
    return new ServerFailure(
      "too-large",
      new AssayError(
        "fleet/too-large",
        `Cannot send rows to ${this.name}: expected at most ${this.#mostBytes} bytes, found ${length}; start ` +
          "it with a larger --max-body",
      ),
    );
  }

  #broken(expected: string, found: string): ServerFailure {
    return new ServerFailure(
      "broken",
      new AssayError(
        "fleet/broken-answer",
        `Cannot use an answer of ${this.name}: expected ${expected}, found ${found}`,
      ),
    );
  }

  #unreachable(error: unknown): ServerFailure {
    const isDenied = failureOf(error) === "not-capable";
    const reason = isDenied
      ? permissionAdvice(`--allow-net=${new URL(this.name).host}`)
      : reasonOf(error);
    return new ServerFailure(
      isDenied ? "refused" : "gone",
      new AssayError("fleet/unreachable", `Cannot reach ${this.name}: ${reason}`, { cause: error }),
    );
  }
}

/** The rows of an answer; `undefined` where a line is none. */
function rowsOf(text: string): Row[] | undefined {
  try {
    const rows = text.split("\n").slice(0, -1).map(parseJson);
    const isRow = (row: unknown) => typeof row === "object" && row !== null && !Array.isArray(row);
    return rows.every(isRow) ? rows as Row[] : undefined;
  } catch {
    return undefined;
  }
}

/** What the runtime says, without what it says around it. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { cause } = error;
  const text = cause instanceof Error && cause.message !== "" ? cause.message : error.message;
  const short = text.replace(/^.*client error \((\w+)\): /s, "").replace(
    /^error sending request.*?: /s,
    "",
  );
  if (/dns|lookup|ENOTFOUND|EAI_AGAIN/i.test(short)) {
    return `its name is not known (${short}); is it spelled right?`;
  }
  if (/certificate|tls|handshake|InvalidContentType|SSL/i.test(short)) {
    return `TLS failed (${short}); is it https there, and is the certificate one that this machine trusts ` +
      "(DENO_CERT names a file of more)?";
  }
  if (/refused/i.test(short)) {
    return `nobody listens there (${short}); does assay serve run, and for other machines (--host)?`;
  }
  return short;
}
