import { AssayError } from "../../error.ts";
import { PassingTrouble, retryAfter } from "./retries.ts";

/** What was asked of the hub. */
export interface AskedOfHub {
  readonly repo: string;
  readonly commit?: string | undefined;
  /** The file, where one was asked for. */
  readonly file?: string | undefined;
  readonly endpoint: URL;
  /** Whether a token went with the request. */
  readonly token: boolean;
}

/** How a token is given. */
const giveToken = "set HF_TOKEN, or run `hf auth login` of Python's huggingface_hub";

/**
 * What a status other than success means, and what to do about it.
 *
 * @param url Where the answer came from: the hub, or a host that it sent on to.
 */
export function statusError(response: Response, url: URL, asked: AskedOfHub): Error {
  const { status, headers } = response;
  const isHub = url.origin === asked.endpoint.origin;
  const told = isHub ? headers.get("x-error-code") : null;
  if (status === 408 || status === 429 || status >= 500) {
    return new PassingTrouble(busy(response, url, asked), retryAfter(headers.get("retry-after")));
  }
  const what = asked.file === undefined ? asked.repo : `${asked.file} of ${asked.repo}`;
  const page = `${asked.endpoint.href.replace(/\/$/, "")}/${asked.repo}`;
  if (told === "GatedRepo" || isHub && status === 403) {
    return new AssayError(
      "checkpoint/hub-gated",
      `Cannot download ${what}: its authors give access to accounts that ask for it, found ${
        asked.token ? "a token without it" : "no token"
      }; ask on ${page}, then ${asked.token ? "try again" : giveToken}` +
        (asked.token ? " with a token of that account that may read" : ""),
    );
  }
  if (isHub && status === 401) return noAccess(what, asked);
  if (told === "RevisionNotFound") {
    return new AssayError(
      "checkpoint/hub-no-revision",
      `Cannot download ${what}: expected a branch, a tag or a commit, found none of that name; ${page} ` +
        "lists them",
    );
  }
  if (isHub && status === 404 && asked.file === undefined) return noAccess(what, asked);
  if (status === 404) {
    return new AssayError(
      "checkpoint/hub-missing-file",
      `Cannot download ${what}: expected the file that the listing of its commit names, found none; try ` +
        "again later, or tell the hub's keepers",
    );
  }
  return new AssayError(
    "checkpoint/http-status",
    `Cannot download ${what} from ${url.host}: expected status 200 or 206, found ${status}`,
  );
}

function busy({ status }: Response, url: URL, { repo }: AskedOfHub): AssayError {
  const reason = status === 429 ? "too many requests" : "trouble of its own";
  return new AssayError(
    "checkpoint/hub-busy",
    `Cannot download ${repo}: ${url.host} tells of ${reason} (status ${status}); try again later: what ` +
      "came is kept",
  );
}

/** A hub does not tell a private model from none. */
function noAccess(what: string, { repo, token, endpoint }: AskedOfHub): AssayError {
  const kind = repo.startsWith("datasets/") ? "data set" : "model";
  return new AssayError(
    "checkpoint/hub-not-found",
    `Cannot download ${what}: expected a ${kind} of that name on ${endpoint.host}, found none, or a ` +
      `private one that ${
        token ? "the token has no access to" : "wants a token"
      }; look at the name; ` +
      (token
        ? "for a private one take a token that may read it"
        : `for a private one ${giveToken}`),
  );
}
