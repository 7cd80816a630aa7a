import { AssayError } from "../error.ts";
import { ownValue } from "../own_value.ts";
import type { Feature, FeatureSource } from "./features.ts";

/** A feature that names a category, such as the model that answered; its value is the category's index. */
export interface CategoryFeature extends Feature {
  /** The categories, in their order. */
  readonly names: readonly string[];
  /**
   * The index of a category.
   *
   * @throws {AssayError} `calibration/unknown-category`.
   */
  indexOf(name: string): number;
}

/**
 * A column that names a category as a feature: a text, or a number as text, in the column of that name;
 * of a pair's side with its prefix (`chosen_model`), of candidates a list (`models` or `model`).
 *
 * @example
 * ```ts
 * import { categoryFeature } from "@assay/assay/calibration";
 * import assert from "node:assert/strict";
 *
 * const model = categoryFeature("model", ["alpha", "beta"]);
 * assert.equal(model.measure({ columns: { model: "beta" } }), 1);
 * assert.throws(() => model.indexOf("gamma"), { code: "calibration/unknown-category" });
 * ```
 *
 * @param name The column.
 * @param names The categories that are known.
 */
export function categoryFeature(name: string, names: readonly string[]): CategoryFeature {
  const indices = new Map(names.map((name, index) => [name, index]));
  const indexOf = (category: string): number => {
    const index = indices.get(category);
    if (index !== undefined) return index;
    const known = names.slice(0, 20).map((name) => JSON.stringify(name)).join(", ");
    throw new AssayError(
      "calibration/unknown-category",
      `Cannot calibrate the score of ${name} ${JSON.stringify(category.slice(0, 100))}: expected ` +
        `one of ${known}${names.length > 20 ? ", …" : ""}, which the calibrator has an offset for`,
    );
  };
  return {
    name,
    names,
    indexOf,
    measure: (source) => {
      const category = categoryIn(source, name);
      return category === undefined ? undefined : indexOf(category);
    },
  };
}

/** The category that a column names; `undefined` where it names none. */
export function categoryIn({ columns }: FeatureSource, name: string): string | undefined {
  const value = ownValue(columns, name);
  if (typeof value === "number" || typeof value === "bigint") return String(value);
  return typeof value === "string" && value !== "" ? value : undefined;
}
