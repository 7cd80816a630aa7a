/**
 * Whether two secrets are the same, in a time that tells nothing of where they differ: their digests
 * are compared, to the last byte.
 */
export async function isEqualSecret(given: string, expected: string): Promise<boolean> {
  const [a, b] = await Promise.all(
    [given, expected].map(async (secret) =>
      new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(secret)))
    ),
  );
  let difference = 0;
  a!.forEach((byte, i) => difference |= byte ^ b![i]!);
  return difference === 0;
}
