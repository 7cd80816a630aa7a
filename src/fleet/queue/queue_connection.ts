import {
  type Authenticator,
  connect,
  type ConnectionOptions,
  credsAuthenticator,
  type NatsConnection,
  nkeyAuthenticator,
} from "@nats-io/transport-node";
import {
  jetstream,
  type JetStreamClient,
  type JetStreamManager,
  jetstreamManager,
} from "@nats-io/jetstream";
import { AssayError } from "../../error.ts";
import { guardSockets } from "./guarded_sockets.ts";
import { shownAddress } from "../shown_address.ts";
import { connectError } from "./queue_errors.ts";

/** Where the queue is, and who asks. */
export interface QueueOptions {
  /** Addresses: `nats://host:port`, or `tls://…`; several of one cluster between commas. */
  readonly servers: string;
  /** What a credentials file (`.creds`) holds. */
  readonly credentials?: string | undefined;
  /** The seed of an NKey. */
  readonly seed?: string | undefined;
  readonly user?: string | undefined;
  readonly password?: string | undefined;
  readonly token?: string | undefined;
  /** Certificates as PEM: of those who sign the server's, and the client's own. */
  readonly tls?: {
    readonly ca?: string | undefined;
    readonly cert?: string | undefined;
    readonly key?: string | undefined;
  } | undefined;
  /** What the server's list of connections calls this one. */
  readonly name?: string | undefined;
  /** Told where the connection was cut and is there again. */
  readonly onStatus?: ((message: string) => void) | undefined;
}

/** Milliseconds that a request waits for its answer; asked again after that. */
export const requestTime = 3000;

/** A connection to the queue, which is made anew whenever it was cut. */
export class QueueConnection implements AsyncDisposable {
  readonly nats: NatsConnection;
  readonly stream: JetStreamClient;
  readonly manager: JetStreamManager;
  /** The addresses, without credentials. */
  readonly servers: readonly string[];
  /** Whether it stands just now. */
  isUp = true;

  private constructor(
    nats: NatsConnection,
    manager: JetStreamManager,
    servers: readonly string[],
  ) {
    this.nats = nats;
    this.stream = jetstream(nats, { timeout: requestTime });
    this.manager = manager;
    this.servers = servers;
  }

  /**
   * Connects to a NATS server with JetStream.
   *
   * @throws {AssayError} `fleet/no-queue`, `fleet/not-authorized`, `fleet/no-jetstream`.
   */
  static async open(options: QueueOptions): Promise<QueueConnection> {
    const addresses = options.servers.split(",").map(parseServer);
    const servers = addresses.map(({ shown }) => shown);
    let nats: NatsConnection;
    guardSockets();
    try {
      nats = await connect(clientOptions(addresses, options));
    } catch (cause) {
      throw connectError(cause, servers);
    }
    try {
      const manager = await jetstreamManager(nats, { timeout: requestTime });
      const connection = new QueueConnection(nats, manager, servers);
      void connection.#watch(options.onStatus);
      return connection;
    } catch (cause) {
      await nats.close();
      const refused = connectError(cause, servers);
      if (refused.code === "fleet/not-authorized") throw refused;
      throw new AssayError(
        "fleet/no-jetstream",
        `Cannot use the NATS server at ${
          servers.join(", ")
        }: expected JetStream, found that it does not ` +
          "answer; start it with -js, and look whether its disk is full",
        { cause },
      );
    }
  }

  /** Bytes of one message at most, as the server says. */
  get mostBytes(): number {
    return this.nats.info?.max_payload ?? 2 ** 20;
  }

  /** Follows whether the connection stands. */
  async #watch(tell: ((message: string) => void) | undefined): Promise<void> {
    for await (const { type } of this.nats.status()) {
      if (type !== "disconnect" && type !== "reconnect") continue;
      this.isUp = type === "reconnect";
      tell?.(
        this.isUp
          ? "the connection to the queue is there again"
          : "the connection to the queue was cut; it is made anew",
      );
    }
  }

  /** Sends what waits, and closes. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.nats.isClosed()) return;
    const closed = this.nats.drain().catch(() => this.nats.close());
    // A server that is away can't be waited for.
    let timer: ReturnType<typeof setTimeout> | undefined;
    const waited = new Promise((resolve) => timer = setTimeout(resolve, 1000));
    await Promise.race([closed, waited]);
    clearTimeout(timer);
    if (!this.nats.isClosed()) await this.nats.close();
  }
}

interface ServerAddress {
  readonly host: string;
  readonly shown: string;
  readonly isTls: boolean;
  readonly user?: string;
  readonly password?: string;
}

function parseServer(text: string): ServerAddress {
  const address = text.trim();
  const url = URL.parse(/^[a-z]+:\/\//i.test(address) ? address : `nats://${address}`);
  if (url === null || !/^(nats|tls):$/.test(url.protocol) || url.hostname === "") {
    throw new AssayError(
      "fleet/bad-address",
      "Cannot reach the queue: expected an address such as nats://host:4222 or tls://host:4222, found " +
        shownAddress(address),
    );
  }
  const host = `${url.hostname}:${url.port || 4222}`;
  return {
    host,
    shown: `${url.protocol}//${host}`,
    isTls: url.protocol === "tls:",
    ...(url.username && { user: decodeURIComponent(url.username) }),
    ...(url.password && { password: decodeURIComponent(url.password) }),
  };
}

function clientOptions(
  addresses: readonly ServerAddress[],
  options: QueueOptions,
): ConnectionOptions {
  const { credentials, seed, token, tls } = options;
  const encode = (text: string) => new TextEncoder().encode(text);
  const [first] = addresses;
  const user = options.user ?? first?.user;
  const password = options.password ?? first?.password;
  const authenticator: Authenticator[] = [
    ...(credentials === undefined ? [] : [credsAuthenticator(encode(credentials))]),
    ...(seed === undefined ? [] : [nkeyAuthenticator(encode(seed.trim()))]),
  ];
  const isTls = tls !== undefined || addresses.some(({ isTls }) => isTls);
  const given = Object.entries(tls ?? {}).filter(([, value]) => value !== undefined);
  return {
    servers: addresses.map(({ host }) => host),
    name: options.name ?? "assay",
    timeout: 5000,
    maxReconnectAttempts: -1,
    reconnectTimeWait: 200,
    reconnectJitter: 300,
    pingInterval: 10_000,
    maxPingOut: 2,
    ...(authenticator.length > 0 && { authenticator }),
    ...(user !== undefined && { user, pass: password ?? "" }),
    ...(token !== undefined && { token }),
    ...(isTls && { tls: Object.fromEntries(given) }),
  };
}
