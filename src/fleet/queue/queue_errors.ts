import { errors } from "@nats-io/transport-node";
import { JetStreamApiError } from "@nats-io/jetstream";
import { AssayError } from "../../error.ts";

/** What an error of the queue means for whoever asked. */
export type QueueFailure =
  /** The subject has its one message already. */
  | "taken"
  /** Asking again may help: the connection was cut, the server starts anew. */
  | "transient"
  | AssayError;

/** Codes of the server's errors, as its own list numbers them. */
const serverCodes = {
  streamNotFound: 10059,
  consumerNotFound: 10014,
  storeFailed: 10077,
} as const;

/** Codes of a server or an account without room: resources, storage, limits of an account. */
const fullCodes: ReadonlySet<number> = new Set([10002, 10023, 10028, 10047]);

const transientErrors = [
  errors.TimeoutError,
  errors.NoRespondersError,
  errors.RequestError,
  errors.ConnectionError,
];

/**
 * Tells what an error of the NATS client means.
 *
 * @param cause The error.
 * @param doing What was not done, as messages say it: `submit run "a"`.
 * @param run The run, where there is one.
 */
export function queueFailure(cause: unknown, doing: string, run?: string): QueueFailure {
  if (cause instanceof AssayError) return cause;
  const options = { cause };
  if (cause instanceof JetStreamApiError) return serverFailure(cause, doing, run);
  if (isRefusal(cause)) return notAuthorized(doing, cause);
  if (cause instanceof errors.ClosedConnectionError) {
    return new AssayError(
      "fleet/queue-lost",
      `Cannot ${doing}: expected a connection to the queue, found it closed; run the same command again`,
      options,
    );
  }
  if (cause instanceof errors.InvalidArgumentError && /max_payload/.test(cause.message)) {
    return new AssayError(
      "fleet/message-too-large",
      `Cannot ${doing}: expected a message within the server's max_payload, found a larger one; the ` +
        "server's limit was lowered meanwhile: run the same command again",
      options,
    );
  }
  if (transientErrors.some((kind) => cause instanceof kind)) return "transient";
  // JetStreamNotEnabled and what else a server says while it starts.
  return cause instanceof Error && /^(JetStream|Draining|Disconnected)/.test(cause.name)
    ? "transient"
    : new AssayError("fleet/queue-failed", `Cannot ${doing}: ${reasonOf(cause)}`, options);
}

function serverFailure(cause: JetStreamApiError, doing: string, run?: string): QueueFailure {
  const options = { cause };
  const { code, message } = cause;
  if (code === serverCodes.storeFailed && /per subject/.test(message)) return "taken";
  if (code === serverCodes.streamNotFound) return unknownRun(run ?? "", doing, cause);
  if (
    fullCodes.has(code) || /maximum (bytes|messages)|insufficient|no space|exceeded/.test(message)
  ) {
    return new AssayError(
      "fleet/queue-full",
      `Cannot ${doing}: expected room in the queue, found none (${message}); nothing that was stored ` +
        "is lost: give JetStream more room or remove a run (assay fleet cancel RUN --delete), then run " +
        "the same command again",
      options,
    );
  }
  if (code === serverCodes.consumerNotFound) {
    return new AssayError(
      "fleet/run-cancelled",
      `Cannot ${doing}: expected a run that is open, found that its jobs were taken back`,
      options,
    );
  }
  if (cause.status >= 500) return "transient";
  return new AssayError(
    "fleet/queue-failed",
    `Cannot ${doing}: the queue says ${message}`,
    options,
  );
}

/** The error of a run that the queue doesn't have. */
export function unknownRun(run: string, doing: string, cause?: unknown): AssayError {
  return new AssayError(
    "fleet/unknown-run",
    `Cannot ${doing}: expected a run named ${JSON.stringify(run)} in the queue, found none; ` +
      "assay fleet status lists those that are there",
    { cause },
  );
}

/**
 * The error of a queue that can't be reached at first.
 *
 * @param cause The client's error.
 * @param servers The addresses, without credentials.
 */
export function connectError(cause: unknown, servers: readonly string[]): AssayError {
  if (cause instanceof AssayError) return cause;
  const shown = servers.join(", ");
  if (isRefusal(cause)) return notAuthorized(`use the queue at ${shown}`, cause);
  const denied = /permission|NotCapable|requires net access/i.exec(reasonOf(cause));
  return new AssayError(
    "fleet/no-queue",
    `Cannot reach the queue: expected a NATS server at ${shown}, found none (${
      reasonOf(cause)
    }); ` +
      (denied
        ? "grant --allow-net"
        : "start one with `nats-server -js`, or name another with --queue"),
    { cause },
  );
}

function notAuthorized(doing: string, cause: unknown): AssayError {
  return new AssayError(
    "fleet/not-authorized",
    `Cannot ${doing}: expected credentials that the queue accepts, found that it refuses them ` +
      `(${reasonOf(cause)}); see --creds, --nkey, --user and --token-file`,
    { cause },
  );
}

function isRefusal(cause: unknown): boolean {
  return cause instanceof errors.AuthorizationError ||
    cause instanceof errors.PermissionViolationError ||
    cause instanceof errors.UserAuthenticationExpiredError ||
    cause instanceof Error && cause.cause instanceof errors.PermissionViolationError;
}

function reasonOf(cause: unknown): string {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return reason.replace(/\/\/[^/@\s]*@/g, "//"); // credentials inside an address are no one's to read
}
