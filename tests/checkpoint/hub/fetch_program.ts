/**
 * Brings a model of a hub into a cache, for tests of several processes: `fetch_program.ts NAME ENDPOINT
 * CACHE`. Prints its folder on standard output, and warnings on standard error.
 *
 * @module
 */
import { hubFolder } from "../../../src/checkpoint/hub/hub_folder.ts";

const [name, endpoint, cache] = Deno.args;
const onWarning = (message: string): void => console.error(message);
console.log((await hubFolder(name!, { endpoint, cache, onWarning, backoff: 10 })).name);
