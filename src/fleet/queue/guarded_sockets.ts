/**
 * The client of NATS takes every listener off a socket in between two of its steps. An error that comes
 * just then, as where the server is killed while it is greeted, would end the process. Here each of its
 * sockets keeps one listener for errors; what they mean the client learns by the close that follows.
 *
 * @module
 */
import { NodeTransport } from "@nats-io/transport-node/lib/node_transport.js";

/** What is used of a socket. */
interface Socket {
  on(event: "error", listener: () => void): unknown;
  removeAllListeners(event?: string): unknown;
}

type Opening = (...operands: unknown[]) => Promise<Socket>;

const ignore = (): void => {};
let isGuarded = false;

/** Deno throws what a server says against a certificate where nobody can catch it; the client then waits in vain. */
const alert = /^received fatal alert/;

/** Guards the sockets of all connections that are made from now on. */
export function guardSockets(): void {
  if (isGuarded) return;
  isGuarded = true;
  if ("Deno" in globalThis) {
    globalThis.addEventListener("error", (event) => {
      if (event.error instanceof Error && alert.test(event.error.message)) event.preventDefault();
    });
  }
  const prototype = NodeTransport.prototype as unknown as Record<string, Opening>;
  for (const name of ["dial", "tlsFirst", "startTLS"]) {
    const open = prototype[name]!;
    prototype[name] = async function (this: unknown, ...operands: unknown[]): Promise<Socket> {
      return guarded(await open.apply(this, operands));
    };
  }
}

function guarded(socket: Socket): Socket {
  const remove = socket.removeAllListeners;
  socket.removeAllListeners = function (this: Socket, ...events: [string?]): Socket {
    remove.apply(this, events);
    this.on("error", ignore);
    return this;
  };
  socket.on("error", ignore);
  return socket;
}
