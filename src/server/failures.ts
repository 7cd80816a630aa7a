import { AssayError } from "../error.ts";

/** Why a request has no answer, as every protocol tells it in its own words. */
export interface Failure {
  readonly status: 400 | 401 | 404 | 405 | 413 | 415 | 422 | 429 | 431 | 499 | 500 | 503 | 504;
  readonly code: string;
  readonly message: string;
  /** Seconds after which another try makes sense. */
  readonly retryAfter?: number | undefined;
}

/** Statuses of codes; of the others those of the rooms `text/` and `data/` are the row's fault. */
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
  "scoring/no-position": 422,
  "scoring/no-response": 422,
  "scoring/not-finite": 422,
  "models/token-out-of-range": 422,
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
  if (!(error instanceof AssayError)) {
    return new AssayError("server/failed", "The server failed; its log says why");
  }
  return statusOf(error.code) === undefined ? modelFailed(error) : error;
}

/** The status of a code; `undefined` for one that is the server's own to mend. */
function statusOf(code: string): Failure["status"] | undefined {
  return statuses[code] ?? (/^(text|data)\//.test(code) ? 422 : undefined);
}

/**
 * What a client is told of an error. Of one that is not the client's to mend it is told no more than
 * that, since its message may name files; the server's own log has it whole.
 */
export function failureOf(error: unknown): Failure {
  const { code, message } = toldError(error);
  const status = statusOf(code)!; // told errors all have one
  const retryAfter = status === 429 || status === 503 ? retrySeconds : undefined;
  return { status, code, message, retryAfter };
}
