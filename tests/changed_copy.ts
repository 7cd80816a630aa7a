import { parityFolder } from "./golden/parity.ts";

/**
 * A copy of a tiny checkpoint, in a folder of its own until it is disposed of.
 *
 * @param model Its name.
 * @param changes Keys of `config.json` in place of its own.
 */
export async function changedCopy(
  model: string,
  changes: Readonly<Record<string, unknown>>,
): Promise<{ readonly folder: string } & Disposable> {
  const folder = await Deno.makeTempDir();
  for await (const { name } of Deno.readDir(parityFolder(model))) {
    await Deno.copyFile(`${parityFolder(model)}/${name}`, `${folder}/${name}`);
  }
  const config = JSON.parse(await Deno.readTextFile(`${folder}/config.json`));
  await Deno.writeTextFile(`${folder}/config.json`, JSON.stringify({ ...config, ...changes }));
  return { folder, [Symbol.dispose]: () => Deno.removeSync(folder, { recursive: true }) };
}
