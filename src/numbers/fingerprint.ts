/**
 * FNV-1a (Fowler, Noll, Vo) of a text, in hexadecimal: changes with the text, so that no version must be
 * counted up. Not against anyone who means to collide.
 */
export function fingerprint(text: string): string {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return (hash >>> 0).toString(16);
}
