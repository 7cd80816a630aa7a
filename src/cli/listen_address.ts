import { InvalidArgumentError } from "commander";
import { AssayError } from "../error.ts";
import { failureOf, permissionAdvice } from "../runtime/failure.ts";

/** Where to listen. */
export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

/** `127.0.0.1:9100`, `[::1]:9100`; of a port alone this machine's. */
export function addressArgument(text: string): ListenAddress {
  const [, bracketed, plain, digits] = /^(?:(?:\[(.+)\]|([^:]+)):)?(\d+)$/.exec(text) ?? [];
  const port = Number(digits);
  if (port <= 65535) return { host: bracketed ?? plain ?? "127.0.0.1", port };
  throw new InvalidArgumentError("Expected an address with a port, such as 127.0.0.1:9100.");
}

/**
 * The error of an address that can't be listened at.
 *
 * @param flag The flag that names another port.
 */
export function cannotListen(
  host: string | undefined,
  port: number | undefined,
  flag: string,
  cause: unknown,
): AssayError {
  const failure = failureOf(cause);
  const reason = failure === "not-capable"
    ? permissionAdvice(`--allow-net=${host}:${port}`)
    : failure === "address-in-use"
    ? `something listens there already; choose another ${flag}`
    : (cause as Error).message;
  return new AssayError("cli/cannot-listen", `Cannot listen on ${host}:${port}: ${reason}`, {
    cause,
  });
}
