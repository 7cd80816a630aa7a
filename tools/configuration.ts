import denoJson from "../deno.json" with { type: "json" };

/** The project's `deno.json`. */
export const config = denoJson;

/** A public module: its name below the package's (`.`, `./text`) and its path. */
export interface PublicModule {
  readonly name: string;
  readonly path: string;
}

/** The public modules, as `deno.json` exports them. */
export function publicModules(): PublicModule[] {
  return Object.entries(config.exports).map(([name, path]) => ({ name, path }));
}
