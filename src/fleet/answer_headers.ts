import { sha256 } from "../numbers/sha256.ts";

/** Headers of an answer of rows: what a client holds it against, since proxies cut, repeat and mix up answers. */
export const answerHeaders = {
  /** Digest of the identity of what computed it. */
  identity: "assay-identity",
  /** Digest of the request that it answers. */
  request: "assay-request",
  /** Digest of its body. */
  body: "assay-body",
  /** Number of its rows. */
  rows: "assay-rows",
} as const;

/** Digest of a request: its rows, and the query that says how they are scored. */
export async function requestDigest(
  rows: Uint8Array<ArrayBuffer>,
  search: string,
): Promise<string> {
  return await sha256(`${search} ${await sha256(rows)}`);
}

/** The headers that bind an answer to its request. */
export async function answerOf(
  { asked, search, body, rows }: {
    readonly asked: Uint8Array<ArrayBuffer>;
    readonly search: string;
    readonly body: Uint8Array<ArrayBuffer>;
    readonly rows: number;
  },
): Promise<Record<string, string>> {
  return {
    [answerHeaders.request]: await requestDigest(asked, search),
    [answerHeaders.body]: await sha256(body),
    [answerHeaders.rows]: `${rows}`,
  };
}
