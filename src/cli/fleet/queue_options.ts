import type { Command } from "commander";
import { hostSystem } from "../../checkpoint/hub/host_system.ts";
import { AssayError } from "../../error.ts";
import { QueueConnection, type QueueOptions } from "../../fleet/queue/queue_connection.ts";
import { readTextFile } from "../../tasks/text_file.ts";
import type { Output } from "../output.ts";

/** The flags that say where the queue is, and who asks. */
export interface QueueFlags {
  readonly queue?: string | undefined;
  readonly creds?: string | undefined;
  readonly nkey?: string | undefined;
  readonly user?: string | undefined;
  readonly passwordFile?: string | undefined;
  readonly tokenFile?: string | undefined;
  readonly tlsCa?: string | undefined;
  readonly tlsCert?: string | undefined;
  readonly tlsKey?: string | undefined;
}

/** The variables of the environment that stand in for flags, as NATS's own tools call them. */
export const queueVariables = [
  "NATS_URL",
  "NATS_CREDS",
  "NATS_NKEY",
  "NATS_USER",
  "NATS_PASSWORD",
  "NATS_TOKEN",
  "NATS_CA",
  "NATS_CERT",
  "NATS_KEY",
] as const;

/** Adds the flags of {@link QueueFlags} to a command. */
export function addQueueFlags(command: Command): Command {
  return command
    .option(
      "--queue <address>",
      "the NATS server with JetStream: nats://host:4222 or tls://…, several with commas (default: " +
        "NATS_URL)",
    )
    .option("--creds <file>", "a credentials file of NATS (default: NATS_CREDS)")
    .option("--nkey <file>", "a file with the seed of an NKey (default: NATS_NKEY)")
    .option("--user <name>", "user (default: NATS_USER)")
    .option("--password-file <file>", "a file with the password (default: NATS_PASSWORD itself)")
    .option("--token-file <file>", "a file with a token (default: NATS_TOKEN itself)")
    .option("--tls-ca <file>", "certificates that sign the server's (default: NATS_CA)")
    .option("--tls-cert <file>", "the client's own certificate (default: NATS_CERT)")
    .option("--tls-key <file>", "its key (default: NATS_KEY)");
}

/**
 * Connects to the queue that the flags and the environment name.
 *
 * @param name What the server's list of connections calls this one.
 * @throws {AssayError} `cli/usage`, `fleet/no-queue`, `fleet/not-authorized`, `fleet/no-jetstream`.
 */
export async function openQueue(
  flags: QueueFlags,
  output: Output,
  name: string,
): Promise<QueueConnection> {
  const { env } = hostSystem("the queue");
  const servers = flags.queue ?? env("NATS_URL");
  if (servers === undefined) {
    throw new AssayError(
      "cli/usage",
      "Cannot reach the queue: expected its address, such as --queue nats://host:4222 or NATS_URL, found " +
        "none",
    );
  }
  const file = async (path: string | undefined) =>
    path === undefined ? undefined : await readTextFile(path);
  const secret = async (path: string | undefined, variable: string) =>
    path === undefined ? env(variable) : (await readTextFile(path)).trim();
  const ca = await file(flags.tlsCa ?? env("NATS_CA"));
  const cert = await file(flags.tlsCert ?? env("NATS_CERT"));
  const key = await file(flags.tlsKey ?? env("NATS_KEY"));
  const options: QueueOptions = {
    servers,
    credentials: await file(flags.creds ?? env("NATS_CREDS")),
    seed: await file(flags.nkey ?? env("NATS_NKEY")),
    user: flags.user ?? env("NATS_USER"),
    password: await secret(flags.passwordFile, "NATS_PASSWORD"),
    token: await secret(flags.tokenFile, "NATS_TOKEN"),
    tls: ca ?? cert ?? key ? { ca, cert, key } : undefined,
    name,
    onStatus: (message) => void output.note(message),
  };
  return await QueueConnection.open(options);
}
