/**
 * `deno task bundle FILE [MODULE]`: writes a public module (`.` unless another is named, such as
 * `./calibration`) and all it imports as one JavaScript module for browsers, Node and Bun.
 *
 * @module
 */
import { stop } from "esbuild";
import { bundleModule } from "./bundle/bundle_module.ts";

const [file, module = "."] = Deno.args;
if (file === undefined) {
  console.error("Cannot bundle: expected the FILE to write, found nothing");
  Deno.exit(2);
}
await bundleModule(module, file);
await stop();
