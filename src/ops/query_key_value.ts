import { matmul } from "./matmul.ts";
import type { Matrix } from "./matrix.ts";
import { expectApart, expectRelation, expectShape } from "./operand_checks.ts";
import type { Operation } from "./operation.ts";
import { recordTiledTogether, tiledTogether } from "./products/matmul_kernels.ts";
import type { MatmulOperands } from "./products/matmul_operands.ts";
import type { Weight } from "./weight.ts";

/** Operands of {@link queryKeyValue}. */
export interface QueryKeyValueOperands {
  /** [rows, inputs] */
  readonly input: Matrix;
  /** [outputs, inputs] each, of outputs of their own. */
  readonly query: Weight;
  readonly key: Weight;
  readonly value: Weight;
  /** [1, outputs] each: all or none. */
  readonly queryBias?: Matrix | undefined;
  readonly keyBias?: Matrix | undefined;
  readonly valueBias?: Matrix | undefined;
  /** See {@link MatmulOperands.precision}. */
  readonly precision?: MatmulOperands["precision"];
  /** [rows, outputs] each; other matrices than the others. */
  readonly queries: Matrix;
  readonly keys: Matrix;
  readonly values: Matrix;
}

const name = "query_key_value";

/** The three products, one by one. */
function products(operands: QueryKeyValueOperands): readonly MatmulOperands[] {
  const { input, query, key, value, queryBias, keyBias, valueBias, precision } = operands;
  return [
    { input, weight: query, bias: queryBias, precision, output: operands.queries },
    { input, weight: key, bias: keyBias, precision, output: operands.keys },
    { input, weight: value, bias: valueBias, precision, output: operands.values },
  ];
}

/**
 * Queries, keys and values of attention: three products of one input. Those of `tiled` kernels run
 * together, where each weight is one binding: small ones leave no part of a GPU idle.
 */
export const queryKeyValue: Operation<QueryKeyValueOperands> = {
  name,

  check(operands): void {
    const { input, query, queryBias, keyBias, valueBias, queries, keys, values } = operands;
    const { rows } = input;
    expectShape(name, "input", input, { rows, columns: query.columns }, "query's columns");
    const biases = [queryBias, keyBias, valueBias].filter((bias) => bias !== undefined).length;
    expectRelation(name, biases % 3 === 0, "biases of all or of none", `${biases} of 3`);
    const names = ["query", "key", "value"];
    const outputs = ["queries", "keys", "values"];
    products(operands).forEach(({ weight, bias, output }, i) => {
      const of = `the input's columns`;
      const shape = { rows: weight.rows, columns: input.columns };
      expectShape(name, names[i]!, weight, shape, of);
      if (bias !== undefined) {
        const expected = { rows: 1, columns: weight.rows };
        expectShape(name, `${names[i]}Bias`, bias, expected, `${names[i]}'s rows`);
      }
      const expected = { rows, columns: weight.rows };
      expectShape(name, outputs[i]!, output, expected, `the input's rows, ${names[i]}'s rows`);
    });
    expectApart(name, queries, { input, queryBias, keyBias, valueBias, keys, values });
    expectApart(name, keys, { input, queryBias, keyBias, valueBias, values });
    expectApart(name, values, { input, queryBias, keyBias, valueBias });
  },

  onCpu(operands): void {
    for (const product of products(operands)) matmul.onCpu(product);
  },

  onWasm(engine, operands): void {
    for (const product of products(operands)) matmul.onWasm(engine, product);
  },

  onGpu(recorder, operands): void {
    const three = products(operands);
    const parts = tiledTogether(recorder, three.map(({ weight }) => weight));
    if (parts !== undefined) recordTiledTogether(recorder, three, parts);
    else for (const product of three) matmul.onGpu(recorder, product);
  },
};
