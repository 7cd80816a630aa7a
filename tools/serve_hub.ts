/**
 * `deno run --allow-net=127.0.0.1 --allow-read --allow-write tools/serve_hub.ts FOLDER REPO FILE`: a hub
 * on this machine that has one model or data set, the files of FOLDER under the name REPO (`org/name`,
 * `datasets/org/name`), and writes
 * its address to FILE, and in a second line that of its large files. For trying out `hf:` names without a network; set `HF_ENDPOINT` to the address.
 *
 * @module
 */
import { HubServer } from "../tests/checkpoint/hub/hub_server.ts";

const [folder, repo, addressFile] = Deno.args;
if (folder === undefined || repo === undefined || addressFile === undefined) {
  console.error(
    "Cannot serve: expected FOLDER, REPO and a FILE for the address, found fewer arguments",
  );
  Deno.exit(2);
}
const files: Record<string, Uint8Array<ArrayBuffer>> = {};
for await (const { name, isFile } of Deno.readDir(folder)) {
  if (isFile) files[name] = await Deno.readFile(`${folder}/${name}`);
}
const hub = new HubServer(files, repo);
await Deno.writeTextFile(addressFile, `${hub.endpoint}\n${hub.cdn}\n`);
