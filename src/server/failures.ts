import { AssayError } from "../error.ts";

/** Why a request has no answer, as every protocol tells it in its own words. */
export interface Failure {
  readonly status: 400 | 401 | 404 | 405 | 413 | 415 | 422 | 429 | 431 | 499 | 500 | 503 | 504;
  readonly code: string;
  readonly message: string;
  /** Seconds after which another try makes sense. */
  readonly retryAfter?: number | undefined;
}

/** Statuses of codes; the others are a row's that can't be scored. */
const statuses: Readonly<Record<string, Failure["status"]>> = {
  "server/bad-request": 400,
  "server/unauthorized": 401,
  "server/unknown-route": 404,
  "server/unknown-model": 404,
  "server/wrong-method": 405,
  "server/too-large": 413,
  "server/wrong-content-type": 415,
  "server/headers-too-large": 431,
  "server/slow-request": 400,
  "server/not-ready": 503,
  "server/model-failed": 503,
  "server/gave-up": 499,
  "server/failed": 500,
  "tasks/queue-full": 429,
  "tasks/queue-closed": 503,
  "tasks/deadline": 504,
};

/** Seconds that a client waits before it tries again where the queue is full, or a model loads. */
const retrySeconds = 1;

/** Makes an error of the server's own. */
export function serverError(code: string, message: string): AssayError {
  return new AssayError(code, message);
}

/** The error of a model that failed as a whole, which is loaded again. */
export function modelFailed(cause?: unknown): AssayError {
  return new AssayError(
    "server/model-failed",
    "The model failed while it computed this request, and is loaded again: try again",
    { cause },
  );
}

/** The error that a client is told of. */
function toldError(error: unknown): AssayError {
  if (error instanceof DOMException && error.name === "AbortError") {
    return new AssayError("server/gave-up", "The client gave the request up");
  }
  if (error instanceof AssayError) return error;
  return new AssayError("server/failed", "The server failed; its log says why");
}

/**
 * What a client is told of an error. A model's own errors (of `gpu/`, of its worker) never come here: a
 * `ServedModel` puts `server/model-failed` in their place, since their messages may name files. Whatever
 * else has no status of its own is a row's.
 */
export function failureOf(error: unknown): Failure {
  const { code, message } = toldError(error);
  const status = statuses[code] ?? 422;
  const retryAfter = status === 429 || status === 503 ? retrySeconds : undefined;
  return { status, code, message, retryAfter };
}
