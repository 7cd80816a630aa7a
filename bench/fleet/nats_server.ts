/** Debian's NATS server, where the machine has it. */
const executable = ["/usr/sbin/nats-server", "/usr/bin/nats-server", "/usr/local/bin/nats-server"]
  .find((path) => {
    try {
      return Deno.statSync(path).isFile;
    } catch {
      return false;
    }
  });

/** Why there is none; `undefined` where there is one. */
export const missingNatsServer: string | undefined = executable === undefined
  ? "no NATS server: apt-get install nats-server"
  : undefined;

/** A NATS server with JetStream on this machine, with a store of its own. */
export class NatsServer implements AsyncDisposable {
  readonly port: number;
  readonly store: string;
  /** Its configuration's lines beside those that it needs. */
  readonly #settings: string;
  #process: Deno.ChildProcess | undefined;

  private constructor(port: number, store: string, settings: string) {
    this.port = port;
    this.store = store;
    this.#settings = settings;
  }

  /** Starts one on a free port. */
  static async start(settings = ""): Promise<NatsServer> {
    const free = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { port } = free.addr as Deno.NetAddr;
    free.close();
    const server = new NatsServer(port, await Deno.makeTempDir({ prefix: "nats-" }), settings);
    await server.start();
    return server;
  }

  get address(): string {
    return `nats://127.0.0.1:${this.port}`;
  }

  /** Starts it again, with the store that it had. */
  async start(): Promise<void> {
    const file = `${this.store}/server.conf`;
    const lines = [`port: ${this.port}`, `host: "127.0.0.1"`, this.#settings];
    if (!/jetstream/.test(this.#settings)) lines.push(`jetstream { store_dir: "${this.store}" }`);
    await Deno.writeTextFile(file, lines.join("\n").replaceAll("STORE", this.store));
    this.#process = new Deno.Command(executable!, {
      args: ["--config", file, "--log", `${this.store}/server.log`],
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
    for (let tries = 0; tries < 200; tries++) {
      try {
        (await Deno.connect({ hostname: "127.0.0.1", port: this.port })).close();
        return;
      } catch {
        await new Promise((resolve) => setTimeout(resolve, 25));
      }
    }
    throw new Error(`nats-server does not start: ${await this.log()}`);
  }

  /** Stops it, by a signal. */
  async stop(signal: "SIGTERM" | "SIGKILL" = "SIGKILL"): Promise<void> {
    const process = this.#process;
    this.#process = undefined;
    if (process === undefined) return;
    process.kill(signal);
    await process.status;
  }

  /** What it has written down. */
  async log(): Promise<string> {
    return await Deno.readTextFile(`${this.store}/server.log`).catch(() => "no log");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    await Deno.remove(this.store, { recursive: true });
  }
}
