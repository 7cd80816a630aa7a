import { Message } from "apache-arrow";
import { ByteBuffer } from "flatbuffers";

const lengthOf = ByteBuffer.prototype.__vector_len;

/**
 * Bounds what a header of Arrow may ask for, for this process: `apache-arrow` reads headers by
 * FlatBuffers' own code, which takes a list's length as it stands there, and would go through 2³¹ fields
 * or buffers of a header of 200 bytes. A list has no more items than its header has bytes.
 */
ByteBuffer.prototype.__vector_len = function (this: ByteBuffer, offset: number): number {
  const length = lengthOf.call(this, offset);
  if (length >= 0 && length <= this.capacity()) return length;
  throw new Error(`its header has a list of ${length} items in ${this.capacity()} bytes`);
};

const decode = Message.decode;

/** Likewise for the buffers of texts of any length: a batch names no more of them than it has in all. */
Message.decode = function (bytes: Parameters<typeof decode>[0]): Message {
  const message = decode.call(this, bytes);
  const batch = message.isRecordBatch()
    ? message.header()
    : message.isDictionaryBatch()
    ? message.header().data
    : undefined;
  const most = batch?.buffers.length ?? 0;
  const wrong = batch?.variadicBufferCounts.find((count) => !(count >= 0 && count <= most));
  if (wrong === undefined) return message;
  throw new Error(`its header has ${wrong} of ${most} buffers`);
};
