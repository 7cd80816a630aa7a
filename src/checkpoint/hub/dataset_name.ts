import { AssayError } from "../../error.ts";
import { isRepoPart, isRevision } from "./hub_name.ts";

/** What `hf:datasets/org/name@revision:selection` names. */
export interface DatasetName {
  /** `datasets/org/name`. */
  readonly repo: string;
  /** A branch, a tag or a commit; `main` by default. */
  readonly revision: string;
  /** A file, a folder, a split, or a configuration and a split; `undefined` for all there is. */
  readonly selection: string | undefined;
}

const mostOfSelection = 500;

/**
 * Reads `hf:datasets/org/name[@revision][:selection]`. What passes is safe as part of a path and of an
 * address.
 *
 * @throws {AssayError} `checkpoint/bad-hub-name`.
 */
export function parseDatasetName(text: string): DatasetName {
  const [, repo = "", revision = "main", selection] =
    /^hf:datasets\/([^@:]*)(?:@([^:]*))?(?::(.*))?$/is.exec(text) ?? [];
  const parts = repo.split("/");
  const isSelection = selection === undefined ||
    selection !== "" && selection.length <= mostOfSelection &&
      selection.split("/").every((part) => part !== "" && part !== "." && part !== "..");
  if (parts.length === 2 && parts.every(isRepoPart) && isRevision(revision) && isSelection) {
    return { repo: `datasets/${repo}`, revision, selection };
  }
  throw new AssayError(
    "checkpoint/bad-hub-name",
    `Cannot tell which data set ${JSON.stringify(text.slice(0, 200))} is: expected ` +
      "hf:datasets/org/name, with @revision, and with :split, :configuration/split or :path/of/file " +
      "after it where there are several",
  );
}
