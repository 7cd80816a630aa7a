/**
 * The bytes of an answer, no more of them than a limit.
 *
 * @returns `undefined` where there are more: the rest is not read.
 * @throws What the runtime throws where the answer breaks off.
 */
export async function boundedBytes(
  answer: Response,
  most: number,
): Promise<Uint8Array<ArrayBuffer> | undefined> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  const reader = answer.body?.getReader();
  for (let piece; reader !== undefined && !(piece = await reader.read()).done;) {
    length += piece.value!.byteLength;
    if (length > most) {
      await reader.cancel().catch(() => {});
      return undefined;
    }
    chunks.push(piece.value!);
  }
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.byteLength;
  }
  return bytes;
}
