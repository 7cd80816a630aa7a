import { bytesField, floatField, numberField, type Piece } from "./protobuf.ts";

/** Element types of ONNX that the bench uses (`TensorProto.DataType`). */
const elementTypes = { float: 1, int32: 6, int64: 7 } as const;

/** An attribute of a node. */
export type Attribute = number | { readonly float: number };

/** A node of a graph; an empty name stands for an input or output that is left out. */
export interface OnnxNode {
  readonly operator: string;
  readonly domain?: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes?: Readonly<Record<string, Attribute>>;
}

/** A tensor in the file: f32 numbers, made when they are written, or a few whole numbers. */
export interface OnnxTensor {
  readonly name: string;
  readonly type: keyof typeof elementTypes;
  readonly shape: readonly number[];
  make(): Promise<Uint8Array<ArrayBuffer>>;
}

/** An input or output of the graph; a text in the shape names a size that varies. */
export interface OnnxValue {
  readonly name: string;
  readonly type: keyof typeof elementTypes;
  readonly shape: readonly (number | string)[];
}

/** A graph. */
export interface OnnxGraph {
  readonly nodes: readonly OnnxNode[];
  readonly tensors: readonly OnnxTensor[];
  readonly inputs: readonly OnnxValue[];
  readonly outputs: readonly OnnxValue[];
}

/** The graph as an ONNX file (field numbers: onnx.proto3 of ONNX 1.16, IR version 9). */
export function onnxFile({ nodes, tensors, inputs, outputs }: OnnxGraph): Piece[] {
  const graph = [
    ...nodes.flatMap((node) => bytesField(1, nodeMessage(node))),
    ...bytesField(2, "graph"),
    ...tensors.flatMap((tensor) => bytesField(5, tensorMessage(tensor))),
    ...inputs.flatMap((value) => bytesField(11, valueMessage(value))),
    ...outputs.flatMap((value) => bytesField(12, valueMessage(value))),
  ];
  const operatorSet = (domain: string, version: number): Piece[] =>
    bytesField(8, [...bytesField(1, domain), ...numberField(2, version)]);
  return [
    ...numberField(1, 9),
    ...operatorSet("", 18),
    ...operatorSet("com.microsoft", 1),
    ...bytesField(7, graph),
  ];
}

function nodeMessage({ operator, domain, inputs, outputs, attributes }: OnnxNode): Piece[] {
  return [
    ...inputs.flatMap((name) => bytesField(1, name)),
    ...outputs.flatMap((name) => bytesField(2, name)),
    ...bytesField(4, operator),
    ...Object.entries(attributes ?? {}).flatMap(([name, value]) =>
      bytesField(5, attributeMessage(name, value))
    ),
    ...(domain === undefined ? [] : bytesField(7, domain)),
  ];
}

function attributeMessage(name: string, value: Attribute): Piece[] {
  const [float, integer] = [1, 2]; // AttributeType
  return typeof value === "number"
    ? [...bytesField(1, name), ...numberField(3, value), ...numberField(20, integer)]
    : [...bytesField(1, name), ...floatField(2, value.float), ...numberField(20, float)];
}

function tensorMessage({ name, type, shape, make }: OnnxTensor): Piece[] {
  const size = type === "int64" ? 8 : 4;
  const length = size * shape.reduce((a, b) => a * b, 1);
  return [
    ...shape.flatMap((dimension) => numberField(1, dimension)),
    ...numberField(2, elementTypes[type]),
    ...bytesField(8, name),
    ...bytesField(9, [{ length, make }]),
  ];
}

function valueMessage({ name, type, shape }: OnnxValue): Piece[] {
  const dimension = (size: number | string): Piece[] =>
    typeof size === "number" ? numberField(1, size) : bytesField(2, size);
  const dimensions = shape.flatMap((size) => bytesField(1, dimension(size)));
  const tensorType = [...numberField(1, elementTypes[type]), ...bytesField(2, dimensions)];
  return [...bytesField(1, name), ...bytesField(2, bytesField(1, tensorType))];
}
