import { AssayError } from "../../error.ts";

/** What `hf:org/name@revision` names. */
export interface HubName {
  /** `org/name`. */
  readonly repo: string;
  /** A branch, a tag, `refs/pr/1` or a commit's 40 hexadecimal digits; `main` by default. */
  readonly revision: string;
}

const start = /^hf:/i;
/** The most characters of a part of a repository's name, and of a revision. */
const mostOfPart = 96;
const mostOfRevision = 250;

/** Whether a source is the name of a model on the hub, right or wrong. */
export function isHubName(source: string | object): source is `hf:${string}` {
  return typeof source === "string" && start.test(source);
}

/**
 * Reads `hf:org/name[@revision]`. What passes is safe as part of a path and of an address.
 *
 * @throws {AssayError} `checkpoint/bad-hub-name`.
 */
export function parseHubName(text: string): HubName {
  const [, repo = "", revision = "main"] = /^hf:([^@]*)(?:@(.*))?$/is.exec(text) ?? [];
  const parts = repo.split("/");
  if (parts.length !== 2 || !parts.every(isRepoPart)) {
    const rest = parts.length > 2 ? "; a file in a model can't be named so" : "";
    throw badName(text, `org/name, each of letters, digits and single ". - _" inside${rest}`);
  }
  if (!isRevision(revision)) {
    throw badName(text, "a branch, a tag or a commit after the @, such as @main");
  }
  return { repo, revision };
}

/** The name of one commit of a model, under which its scores can be had again. */
export function pinnedHubName(repo: string, commit: string): string {
  return `hf:${repo}@${commit}`;
}

/** Whether a revision is a commit, which never changes. */
export function isCommit(revision: string): boolean {
  return /^[0-9a-f]{40}$/.test(revision);
}

/** Whether a part of a name can be one of a repository's. */
export function isRepoPart(part: string): boolean {
  return part.length <= mostOfPart && /^\w([\w.-]*\w)?$/.test(part) && !/--|\.\.|\.git$/.test(part);
}

/** As Git allows it, and without what Windows takes for something else. */
export function isRevision(revision: string): boolean {
  return revision.length <= mostOfRevision && /^[\w+./-]+$/.test(revision) &&
    revision.split("/").every((part) => /^[\w+-]([\w+.-]*[\w+-])?$/.test(part)) &&
    !revision.includes("..");
}

function badName(text: string, expected: string): AssayError {
  return new AssayError(
    "checkpoint/bad-hub-name",
    `Cannot tell which model ${JSON.stringify(text)} is: expected hf:org/name or ` +
      `hf:org/name@revision, with ${expected}`,
  );
}
