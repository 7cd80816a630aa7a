import { type Data, DataType, type RecordBatch } from "apache-arrow";

/** Rows of a batch that holds nothing but nulls, which take no bytes, at most. */
const mostNulls = 2 ** 20;
const viewBytes = 16;

/**
 * Makes sure that a batch's columns lie within the bytes that came: a header may name lengths and places
 * that are not there, and what is read of them would be no error but `undefined`.
 *
 * @throws {Error} Where one does not.
 */
export function checkBatch({ data, numRows, schema }: RecordBatch): void {
  checkCount(numRows, "rows");
  if (schema.fields.every(({ type }) => DataType.isNull(type)) && numRows > mostNulls) {
    throw new Error(`${numRows} rows that hold nothing`);
  }
  schema.fields.forEach(({ name }, index) => {
    const child = data.children[index];
    if (child === undefined || child.length < numRows) {
      throw new Error(`the column "${name}" has fewer values than there are rows`);
    }
    checkData(child, name);
  });
}

function checkCount(count: number, what: string): void {
  if (!Number.isSafeInteger(count) || count < 0) throw new Error(`${count} ${what}`);
}

/** Whether some bytes, numbers or offsets are as many as a column's length asks for. */
function checkData(data: Data, name: string): void {
  const { type, length, nullBitmap, children, stride } = data;
  const expect = (held: number, needed: number): void => {
    if (held < needed) throw new Error(`the column "${name}" is longer than its bytes`);
  };
  checkCount(length, "values");
  if (DataType.isNull(type)) return;
  if (nullBitmap !== undefined && nullBitmap.length > 0) expect(8 * nullBitmap.length, length);
  const values = data.values as ArrayLike<unknown> | undefined;
  if (DataType.isBool(type)) expect(8 * (values?.length ?? 0), length);
  else if (DataType.isUtf8View(type) || DataType.isBinaryView(type)) {
    expect(values?.length ?? 0, viewBytes * length);
  } else if (data.valueOffsets !== undefined && !DataType.isUnion(type)) {
    const held = isNested(type) ? children[0]?.length : values?.length;
    checkOffsets(data.valueOffsets, length, held ?? 0, name);
  } else if (DataType.isFixedSizeList(type)) {
    expect(children[0]?.length ?? 0, type.listSize * length);
  } else if (DataType.isStruct(type)) children.forEach((child) => expect(child.length, length));
  else expect(values?.length ?? 0, (stride ?? 1) * length);
  if (DataType.isDictionary(type)) checkDictionary(data, name);
  children.forEach((child) => checkData(child, name));
}

function isNested(type: DataType): boolean {
  return DataType.isList(type) || DataType.isLargeList(type) || DataType.isMap(type);
}

/** Offsets never go back, and end within what they point into. */
function checkOffsets(
  offsets: ArrayLike<number | bigint>,
  length: number,
  held: number,
  name: string,
): void {
  if (length === 0) return;
  let last = 0;
  for (let i = 0; i <= length; i++) {
    const offset = Number(offsets[i]);
    if (!(offset >= last && offset <= held)) {
      throw new Error(`the column "${name}" points past its bytes`);
    }
    last = offset;
  }
}

/** Indices that are not null name values that the dictionary has. */
function checkDictionary({ values, dictionary, length, nullBitmap }: Data, name: string): void {
  const count = dictionary?.length ?? 0;
  for (let i = 0; i < length; i++) {
    const isNull = nullBitmap !== undefined && nullBitmap.length > 0 &&
      (nullBitmap[i >> 3]! >> (i & 7) & 1) === 0;
    const index = Number(values[i]);
    if (!isNull && !(index >= 0 && index < count)) {
      throw new Error(`the column "${name}" names a value that its dictionary has not`);
    }
  }
  for (const data of dictionary?.data ?? []) checkData(data, name);
}
