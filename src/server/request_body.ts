import * as v from "valibot";
import { parseJson } from "../data/json_text.ts";
import { kindOfValue } from "../data/rows.ts";
import { AssayError } from "../error.ts";
import { serverError } from "./failures.ts";

/** Bounds of what is read of a request. */
export interface BodyLimits {
  /** Bytes of a body. */
  readonly mostBytes: number;
  /** Milliseconds in which a body must have come whole. */
  readonly patience: number;
}

/** More levels than any request has; deeper ones would only keep the parser busy. */
const deepest = 64;

/**
 * Reads the JSON of a request, no more of it than the limits allow.
 *
 * @throws {AssayError} `server/wrong-content-type`, `server/too-large`, `server/slow-request`,
 * `server/bad-request`.
 */
export async function readJson(
  request: Request,
  limits: BodyLimits,
): Promise<Readonly<Record<string, unknown>>> {
  const type = request.headers.get("content-type") ?? "none";
  if (!/^application\/(?:[\w.-]+\+)?json\s*(?:;|$)/i.test(type)) {
    throw serverError(
      "server/wrong-content-type",
      `Cannot read the request: expected the header "content-type: application/json", found ${
        type.slice(0, 100)
      }; with curl add -H 'content-type: application/json'`,
    );
  }
  const text = decode(await readBytes(request, limits));
  checkDepth(text);
  let body: unknown;
  try {
    body = parseJson(text);
  } catch (cause) {
    throw badRequest(`expected JSON, found ${(cause as Error).message.slice(0, 200)}`);
  }
  if (typeof body === "object" && body !== null && !Array.isArray(body)) {
    return body as Readonly<Record<string, unknown>>;
  }
  throw badRequest(`expected a JSON object, found ${kindOfValue(body)}`);
}

/**
 * Holds a body against its schema.
 *
 * @throws {AssayError} `server/bad-request`, which names the place.
 */
export function checkBody<Schema extends v.GenericSchema>(
  schema: Schema,
  body: unknown,
): v.InferOutput<Schema> {
  const parsed = v.safeParse(schema, body);
  if (parsed.success) return parsed.output;
  const issue = refusedField(parsed.issues) ?? parsed.issues[0]!;
  const path = v.getDotPath(issue);
  throw badRequest(
    `${path === null ? "" : `"${path.slice(0, 100)}": `}${issue.message.slice(0, 300)}`,
  );
}

/** The issue of a field that is refused by name, wherever it stands among the forms of a request. */
function refusedField(
  issues: readonly v.BaseIssue<unknown>[],
): v.BaseIssue<unknown> | undefined {
  for (const issue of issues) {
    if (issue.type === "never") return issue;
    const inner = issue.issues && refusedField(issue.issues);
    if (inner !== undefined) return inner;
  }
  return undefined;
}

/** The error of a request that is none of the protocol's. */
export function badRequest(message: string): Error {
  return serverError("server/bad-request", `Cannot read the request: ${message}`);
}

/**
 * Reads the bytes of a request, no more of them than the limits allow.
 *
 * @throws {AssayError} `server/wrong-content-type`, `server/too-large`, `server/slow-request`,
 * `server/bad-request`.
 */
export async function readBytes(
  request: Request,
  { mostBytes, patience }: BodyLimits,
): Promise<Uint8Array<ArrayBuffer>> {
  checkPlain(request);
  const tooLarge = () =>
    serverError(
      "server/too-large",
      `Cannot read the request: expected at most ${mostBytes} bytes, found more; send fewer rows at a ` +
        "time, or start the server with a larger --max-body",
    );
  if (Number(request.headers.get("content-length") ?? 0) > mostBytes) throw tooLarge();
  if (request.body === null) return new Uint8Array(0);
  const reader = request.body.getReader();
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(
    () =>
      late.reject(
        serverError(
          "server/slow-request",
          `Cannot read the request: expected all of it within ${patience} ms, found less`,
        ),
      ),
    patience,
  );
  const chunks: Uint8Array[] = [];
  let length = 0;
  try {
    for (;;) {
      const { done, value } = await Promise.race([reader.read(), late.promise]);
      if (done) break;
      length += value.byteLength;
      if (length > mostBytes) throw tooLarge();
      chunks.push(value);
    }
  } catch (error) {
    reader.cancel().catch(() => {});
    if (error instanceof AssayError) throw error;
    throw badRequest("expected the whole body, found that the connection broke off before its end");
  } finally {
    clearTimeout(timer);
    late.promise.catch(() => {});
  }
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.byteLength;
  }
  return bytes;
}

function checkPlain({ headers }: Request): void {
  const encoding = headers.get("content-encoding") ?? "identity";
  if (/^(?:identity)?$/i.test(encoding.trim())) return;
  throw serverError(
    "server/wrong-content-type",
    `Cannot read the request: expected a body that is not compressed, found the header ` +
      `"content-encoding: ${encoding.slice(0, 100)}"; send it plain`,
  );
}

function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw badRequest("expected UTF-8, found bytes that are none");
  }
}

/** Nesting is counted before anything is parsed; brackets in strings do not count. */
function checkDepth(text: string): void {
  let depth = 0;
  let isQuoted = false;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (isQuoted) {
      if (unit === backslash) i++;
      else if (unit === quote) isQuoted = false;
    } else if (unit === quote) isQuoted = true;
    else if (unit === bracket || unit === brace) {
      if (++depth > deepest) {
        throw badRequest(`expected at most ${deepest} levels of nesting, found more`);
      }
    } else if (unit === bracketEnd || unit === braceEnd) depth--;
  }
}

const [quote, backslash, bracket, bracketEnd, brace, braceEnd] = [...'"\\[]{}'].map((text) =>
  text.charCodeAt(0)
);
