/**
 * The two wire types of Protocol Buffers that a model file needs: whole numbers and byte strings. A
 * field's value may be a list of pieces, so that weights are made only when they are written.
 */
export type Piece = Uint8Array<ArrayBuffer> | LaterPiece;

/** Bytes whose number is known now and which are made when they are needed. */
export interface LaterPiece {
  readonly length: number;
  make(): Promise<Uint8Array<ArrayBuffer>>;
}

/** The bytes that some pieces take together. */
export function totalLength(pieces: readonly Piece[]): number {
  return pieces.reduce((sum, piece) => sum + piece.length, 0);
}

function varint(number: number): Uint8Array<ArrayBuffer> {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(number)); // a negative number takes ten bytes
  while (rest > 127n) {
    bytes.push(Number(rest & 127n) | 128);
    rest >>= 7n;
  }
  return Uint8Array.from([...bytes, Number(rest)]);
}

/** A field that holds a whole number (wire type 0). */
export function numberField(field: number, value: number): Piece[] {
  return [varint(field << 3), varint(value)];
}

/** A field that holds bytes, a text or an inner message (wire type 2). */
export function bytesField(field: number, value: string | readonly Piece[]): Piece[] {
  const pieces = typeof value === "string" ? [new TextEncoder().encode(value)] : value;
  return [varint((field << 3) | 2), varint(totalLength(pieces)), ...pieces];
}

/** A field that holds a 32-bit float (wire type 5). */
export function floatField(field: number, value: number): Piece[] {
  return [varint((field << 3) | 5), new Uint8Array(new Float32Array([value]).buffer)];
}

/** Writes pieces to a file, one after the other. */
export async function writePieces(path: string, pieces: readonly Piece[]): Promise<void> {
  using file = await Deno.open(path, { write: true, create: true, truncate: true });
  for (const piece of pieces) {
    let bytes = piece instanceof Uint8Array ? piece : await piece.make();
    while (bytes.length > 0) bytes = bytes.subarray(await file.write(bytes));
  }
}
