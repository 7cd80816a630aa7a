import * as v from "valibot";
import { AssayError } from "../error.ts";

/** Version of the files of {@linkcode ConformalArtifact} and {@linkcode AbstentionArtifact}. */
export const certaintyVersion = 1;

/** The quantile of some rows' errors. */
export interface ConformalQuantile {
  /** Rows it was taken from. */
  readonly rows: number;
  /** How far an interval reaches; `null` where it has no bound: too few rows. */
  readonly quantile: number | null;
}

/** Conformal intervals as they are written to a file. */
export interface ConformalArtifact {
  /** Always `assay-conformal`. */
  readonly format: "assay-conformal";
  /** Version of this layout. */
  readonly version: typeof certaintyVersion;
  /** α: the share of targets that may lie outside. */
  readonly alpha: number;
  /** What has an interval. */
  readonly of: "score" | "margin";
  /**
   * `split`: score ± quantile; `quantiles`: the head's own quantiles at α/2 and 1 − α/2, both moved
   * outwards by the quantile.
   */
  readonly method: "split" | "quantiles";
  /** The columns that the fit read: target, group and quantiles; `null` for none. */
  readonly columns: {
    readonly target: string | null;
    readonly group: string | null;
    readonly quantiles: string | null;
  };
  /** Rows that a group needs for a quantile of its own. */
  readonly leastGroup: number;
  /** The quantile of all rows. */
  readonly all: ConformalQuantile;
  /** Those of groups with enough rows. */
  readonly groups: Readonly<Record<string, ConformalQuantile>>;
}

/** A threshold for abstaining as it is written to a file. */
export interface AbstentionArtifact {
  /** Always `assay-abstention`. */
  readonly format: "assay-abstention";
  /** Version of this layout. */
  readonly version: typeof certaintyVersion;
  /** α: the most errors, as a share of the rows that are decided. */
  readonly risk: number;
  /** δ: the chance that the risk is higher all the same. */
  readonly delta: number;
  /** Rows whose |margin| is below are not decided. */
  readonly threshold: number;
  /** What the threshold was fitted on. */
  readonly fit: {
    readonly rows: number;
    readonly decided: number;
    readonly errors: number;
    readonly upperBound: number;
  };
}

const finite = v.pipe(v.number(), v.finite());
const share = v.pipe(finite, v.gtValue(0), v.ltValue(1));
const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const column = v.nullable(v.pipe(v.string(), v.minLength(1)));
const quantile = v.strictObject({ rows: count, quantile: v.nullable(finite) });

const ConformalSchema = v.strictObject({
  format: v.literal("assay-conformal"),
  version: v.literal(certaintyVersion),
  alpha: share,
  of: v.picklist(["score", "margin"]),
  method: v.picklist(["split", "quantiles"]),
  columns: v.strictObject({ target: column, group: column, quantiles: column }),
  leastGroup: count,
  all: quantile,
  groups: v.record(v.string(), quantile),
});

const AbstentionSchema = v.strictObject({
  format: v.literal("assay-abstention"),
  version: v.literal(certaintyVersion),
  risk: share,
  delta: share,
  threshold: v.pipe(finite, v.minValue(0)),
  fit: v.strictObject({ rows: count, decided: count, errors: count, upperBound: finite }),
});

/**
 * Checks that a value read from outside is a file of conformal intervals of this version.
 *
 * @param value Parsed JSON.
 * @param name What to call it in errors.
 * @throws {AssayError} `calibration/unsupported-version`, `calibration/bad-calibrator`.
 */
export function checkConformal(value: unknown, name: string): ConformalArtifact {
  return checked(ConformalSchema, value, name, "--conformal");
}

/**
 * Checks that a value read from outside is a threshold for abstaining of this version.
 *
 * @param value Parsed JSON.
 * @param name What to call it in errors.
 * @throws {AssayError} `calibration/unsupported-version`, `calibration/bad-calibrator`.
 */
export function checkAbstention(value: unknown, name: string): AbstentionArtifact {
  return checked(AbstentionSchema, value, name, "--abstain");
}

function checked<Schema extends typeof ConformalSchema | typeof AbstentionSchema>(
  schema: Schema,
  value: unknown,
  name: string,
  flag: string,
): v.InferOutput<Schema> {
  const { format } = schema.entries;
  const head = v.safeParse(v.looseObject({ format, version: v.optional(v.unknown()) }), value);
  if (!head.success) {
    throw new AssayError(
      "calibration/bad-calibrator",
      `Cannot read the calibrator ${name}: expected an object with "format": "${format.literal}", as ` +
        `"assay calibrate ${flag}" writes it`,
    );
  }
  if (head.output.version !== certaintyVersion) {
    throw new AssayError(
      "calibration/unsupported-version",
      `Cannot read the calibrator ${name}: expected version ${certaintyVersion}, found ${
        JSON.stringify(head.output.version) ?? "none"
      }; fit it again with this release of Assay, or use the release that wrote it`,
    );
  }
  const parsed = v.safeParse(schema, value);
  if (parsed.success) return parsed.output;
  const issue = parsed.issues[0];
  throw new AssayError(
    "calibration/bad-calibrator",
    `Cannot read the calibrator ${name}: at ${v.getDotPath(issue) ?? "its top"}: ${issue.message}`,
  );
}
