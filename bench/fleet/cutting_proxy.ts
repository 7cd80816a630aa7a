/** What a proxy does with the bytes of its connections. */
export type Weather =
  /** Hands them on. */
  | "fair"
  /** Swallows what comes from the server: what clients sent arrives, and they don't hear of it. */
  | "deaf"
  /** Swallows all of them. */
  | "lost"
  /** Hands them on late. */
  | "slow";

/**
 * A proxy of TCP before a server, whose connections can be cut, and whose bytes can be lost or late. A
 * client that was cut before it heard that a message had arrived sends it once more.
 */
export class CuttingProxy implements Disposable {
  readonly #listener: Deno.TcpListener;
  readonly #target: number;
  readonly #open = new Set<Deno.TcpConn>();
  weather: Weather = "fair";
  /** Milliseconds that bytes are late in slow weather. */
  delay = 100;

  constructor(target: number) {
    this.#target = target;
    this.#listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    void this.#accept();
  }

  get address(): string {
    return `nats://127.0.0.1:${(this.#listener.addr as Deno.NetAddr).port}`;
  }

  /** Cuts every connection. */
  cut(): void {
    for (const connection of this.#open) close(connection);
    this.#open.clear();
  }

  [Symbol.dispose](): void {
    this.#listener.close();
    this.cut();
  }

  async #accept(): Promise<void> {
    try {
      for await (const client of this.#listener) void this.#join(client);
    } catch {
      // It was closed.
    }
  }

  async #join(client: Deno.TcpConn): Promise<void> {
    try {
      const server = await Deno.connect({ hostname: "127.0.0.1", port: this.#target });
      for (const connection of [client, server]) this.#open.add(connection);
      const both = [this.#pump(client, server, false), this.#pump(server, client, true)];
      await Promise.allSettled(both);
      for (const connection of [client, server]) this.#open.delete(connection);
      close(server);
    } catch {
      // No server: the client is cut.
    }
    close(client);
  }

  async #pump(from: Deno.TcpConn, to: Deno.TcpConn, isAnswer: boolean): Promise<void> {
    const bytes = new Uint8Array(2 ** 16);
    try {
      for (;;) {
        const count = await from.read(bytes);
        if (count === null) break;
        if (this.weather === "lost" || this.weather === "deaf" && isAnswer) continue;
        if (this.weather === "slow") {
          await new Promise((resolve) => setTimeout(resolve, this.delay));
        }
        for (let sent = 0; sent < count;) sent += await to.write(bytes.subarray(sent, count));
      }
    } finally {
      for (const connection of [from, to]) close(connection);
    }
  }
}

function close(connection: Deno.TcpConn): void {
  try {
    connection.close();
  } catch {
    // It was closed already.
  }
}
