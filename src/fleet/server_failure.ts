import { AssayError } from "../error.ts";
import { boundedBytes } from "./bounded_answer.ts";

/**
 * What became of a request, as far as that decides what is done next:
 *
 * - `busy`: it would take the request later;
 * - `gone`: it can't be reached, or something else answers in its place;
 * - `broken`: an answer that is none: cut short, another request's, or none in time;
 * - `failed`: it tells that it failed at these rows;
 * - `too-large`: it takes fewer bytes at once;
 * - `refused`: it will never take one: a wrong key, an older version.
 */
export type FailureKind = "busy" | "gone" | "broken" | "failed" | "too-large" | "refused";

/** Why a server gave no rows. */
export class ServerFailure extends Error {
  override readonly name = "ServerFailure";

  constructor(
    readonly kind: FailureKind,
    readonly error: AssayError,
    /** Milliseconds after which it wants to be asked again, where it says so. */
    readonly retryAfter?: number | undefined,
  ) {
    super(error.message, { cause: error });
  }
}

/** Bytes that are read of an answer that is none of rows. */
const longestPage = 2 ** 20;

/** The failure of an answer that is none of rows. */
export async function failureOfAnswer(server: string, answer: Response): Promise<ServerFailure> {
  const { status } = answer;
  const bytes = await boundedBytes(answer, longestPage).catch(() => undefined);
  const text = new TextDecoder().decode(bytes);
  const told = toldError(text);
  if (told === undefined) {
    return new ServerFailure(kindOfOther(status), notAssay(server, answer, text));
  }
  const said = `it answers ${status}: ${told.message} [${told.code}]`;
  const seconds = Number(answer.headers.get("retry-after") ?? NaN);
  const retryAfter = seconds >= 0 ? 1000 * seconds : undefined;
  if (status === 401) return new ServerFailure("refused", wrongKey(server));
  if (told.code === "server/unknown-route") return new ServerFailure("refused", older(server));
  if (told.code === "server/unknown-model" || told.code === "server/no-identity") {
    return new ServerFailure("refused", serverFailed(server, said));
  }
  if (status === 413) return new ServerFailure("too-large", serverFailed(server, said));
  const isBusy = status === 429 || status === 503 && told.code !== "server/model-failed";
  return new ServerFailure(isBusy ? "busy" : "failed", serverFailed(server, said), retryAfter);
}

/** A proxy that finds no server behind it is as good as no server. */
function kindOfOther(status: number): FailureKind {
  if (status === 413) return "too-large";
  return status === 429 || status === 503 ? "busy" : "gone";
}

/** What an answer of Assay's own tells; `undefined` of anything else. */
function toldError(text: string): { code: string; message: string } | undefined {
  try {
    const { error } = JSON.parse(text) as { error?: { code?: unknown; message?: unknown } };
    if (typeof error?.code !== "string" || typeof error.message !== "string") return undefined;
    return { code: error.code.slice(0, 100), message: error.message.slice(0, 500) };
  } catch {
    return undefined;
  }
}

/** What stands in for a server's own answer: a proxy's page, another program. */
export function notAssay(server: string, { status, headers }: Response, text: string): AssayError {
  const type = headers.get("content-type") ?? "no content-type";
  const title = /<title[^>]*>([^<]{1,80})/i.exec(text)?.[1]?.trim();
  const place = headers.get("location");
  const found = place !== null
    ? `a redirection to ${place.slice(0, 200)}`
    : `${type.slice(0, 60)}${title === undefined ? "" : ` ("${title}")`}`;
  return new AssayError(
    "fleet/not-assay",
    `Cannot score with ${server}: expected the answer of assay serve, found status ${status} with ` +
      `${found}; is it the server's own address, or does a proxy answer in its place?`,
  );
}

function wrongKey(server: string): AssayError {
  return new AssayError(
    "fleet/unauthorized",
    `Cannot score with ${server}: expected the key that it was started with, found another or none; ` +
      "give it with --api-key-file",
  );
}

function older(server: string): AssayError {
  return new AssayError(
    "fleet/older-server",
    `Cannot score with ${server}: expected an address /v1/rows, found none; it runs an older Assay: ` +
      "let all machines run the same version",
  );
}

function serverFailed(server: string, said: string): AssayError {
  return new AssayError("fleet/server-failed", `Cannot score with ${server}: ${said}`);
}
