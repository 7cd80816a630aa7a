import { AssayError } from "../../error.ts";
import { lackOf } from "../file_system.ts";
import type { HostSystem } from "./host_system.ts";

/** What is said of the hub in place of the environment. */
export interface HubOptions {
  /** Address of the hub, or of a mirror; `HF_ENDPOINT`, else `https://huggingface.co`, by default. */
  readonly endpoint?: string | undefined;
  /** Folder of the cache; by default the one that Python's `huggingface_hub` uses. */
  readonly cache?: string | undefined;
  /** Token for private and gated models; by default the one that Python's `huggingface_hub` uses. */
  readonly token?: string | undefined;
  /** Whether the hub is left alone, and only the cache is read; `HF_HUB_OFFLINE` by default. */
  readonly offline?: boolean | undefined;
  /** Whether weights are wanted, as they are by default; a tokenizer needs none. */
  readonly weights?: boolean | undefined;
  /** Told of the bytes that are there, of all that are needed. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
  /** Told, once, of what is about to be downloaded. */
  readonly onDownload?: ((download: HubDownload) => void) | undefined;
  /** Told of what is odd but no error: that the hub could not be asked, that another process is waited for. */
  readonly onWarning?: ((message: string) => void) | undefined;
  /** Ends the download; what came is kept. */
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds to wait for an answer, and for its next byte; 30,000 by default. */
  readonly timeout?: number | undefined;
  /** Milliseconds before the first retry, and twice as many before each next; 500 by default. */
  readonly backoff?: number | undefined;
}

/** What is about to be downloaded. */
export interface HubDownload {
  /** `hf:org/name@commit`. */
  readonly name: string;
  /** How many files. */
  readonly files: number;
  /** Bytes that are still to come. */
  readonly bytes: number;
}

/** Where the hub and its cache are. */
export interface HubSettings {
  readonly endpoint: URL;
  readonly cache: string;
  readonly token: string | undefined;
  readonly offline: boolean;
}

const defaultEndpoint = "https://huggingface.co";

/**
 * What the options say of the hub, else the environment, by the variables that Python's
 * `huggingface_hub` knows.
 *
 * @throws {AssayError} `checkpoint/no-hub-cache`, `checkpoint/bad-option`.
 */
export async function hubSettings(host: HostSystem, options: HubOptions): Promise<HubSettings> {
  const env = (name: string): string | undefined => host.env(name) || undefined;
  const offline = options.offline ?? isTrue(env("HF_HUB_OFFLINE") ?? env("TRANSFORMERS_OFFLINE"));
  return {
    endpoint: endpointOf(options.endpoint ?? env("HF_ENDPOINT") ?? defaultEndpoint),
    cache: options.cache ?? cacheFolder(env),
    token: offline ? undefined : await tokenOf(host, env, options.token),
    offline,
  };
}

/**
 * The folder that Python's `huggingface_hub` keeps models in.
 *
 * @throws {AssayError} `checkpoint/no-hub-cache` where the environment does not tell it.
 */
export function cacheFolder(env: (name: string) => string | undefined): string {
  const own = env("HF_HUB_CACHE") ?? env("HUGGINGFACE_HUB_CACHE");
  if (own !== undefined) return inHome(own, env);
  const home = hubHome(env);
  if (home !== undefined) return `${home}/hub`;
  throw new AssayError(
    "checkpoint/no-hub-cache",
    "Cannot tell where the hub's cache is: expected HF_HUB_CACHE, HF_HOME, XDG_CACHE_HOME or HOME in the " +
      "environment, found none that may be read; run Deno with --allow-env=HF_HOME,HF_HUB_CACHE," +
      "XDG_CACHE_HOME,HOME, or set HF_HOME",
  );
}

function hubHome(env: (name: string) => string | undefined): string | undefined {
  const own = env("HF_HOME");
  if (own !== undefined) return inHome(own, env);
  const caches = env("XDG_CACHE_HOME");
  if (caches !== undefined) return `${inHome(caches, env)}/huggingface`;
  const home = env("HOME") ?? env("USERPROFILE");
  return home && [home, ".cache", "huggingface"].join("/");
}

/** A leading `~` is the home, as in Python. */
function inHome(path: string, env: (name: string) => string | undefined): string {
  const home = env("HOME") ?? env("USERPROFILE");
  const whole = home === undefined ? path : path.replace(/^~(?=[\\/]|$)/, () => home);
  return whole.replace(/(?<=.)[\\/]+$/, "");
}

async function tokenOf(
  host: HostSystem,
  env: (name: string) => string | undefined,
  given: string | undefined,
): Promise<string | undefined> {
  const token = given ?? env("HF_TOKEN") ?? env("HUGGING_FACE_HUB_TOKEN") ??
    await tokenFile(host, env);
  const clean = token?.replaceAll(/[\r\n]/g, "").trim();
  if (clean === undefined || clean === "") return undefined;
  if (/^[\x21-\x7e]+$/.test(clean)) return clean;
  throw new AssayError(
    "checkpoint/bad-option",
    "Cannot use the hub's token: expected letters, digits and signs without spaces, found others; look " +
      "at HF_TOKEN, or at the file that `hf auth login` wrote",
  );
}

/** The token that `hf auth login` keeps; none where it may not be read. */
async function tokenFile(
  host: HostSystem,
  env: (name: string) => string | undefined,
): Promise<string | undefined> {
  const home = hubHome(env);
  const own = env("HF_TOKEN_PATH");
  const path = own === undefined ? home && `${home}/token` : inHome(own, env);
  if (path === undefined || !host.mayRead(path)) return undefined;
  try {
    return await host.files.readFile(path, "utf8");
  } catch (error) {
    if (lackOf(error) !== undefined) return undefined;
    throw error;
  }
}

function endpointOf(address: string): URL {
  const url = URL.parse(address.replace(/\/+$/, ""));
  if (url !== null && /^https?:$/.test(url.protocol) && url.username === "" && url.search === "") {
    return url;
  }
  throw new AssayError(
    "checkpoint/bad-option",
    `Cannot reach the hub: expected an address such as ${defaultEndpoint} in HF_ENDPOINT, found another ` +
      "text",
  );
}

function isTrue(text: string | undefined): boolean {
  return /^(1|on|yes|true)$/i.test(text ?? "");
}
