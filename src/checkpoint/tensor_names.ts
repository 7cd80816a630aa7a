/** What PEFT puts before the names of the model that it wraps. */
const wrapper = "base_model.model.";

/**
 * What to do where a tensor is missing because all of them have another prefix, as wrappers and other
 * classes save them: `transformer.`, `model.model.`, `base_model.model.`, or none.
 *
 * @param found Names of the tensors that are there.
 * @param expected A name that is not.
 * @returns The end of a message, from "; " on; empty where the names give no hint.
 */
export function namingHint(found: Iterable<string>, expected: string): string {
  const names = [...found];
  if (names.some((name) => name.startsWith(wrapper))) {
    return `; its tensors begin with "${wrapper}": PEFT saved them around the model. Merge the adapter ` +
      "(merge_and_unload() of the Python package peft), or score the base model with --adapter";
  }
  const bare = expected.replace(/^model\./, "");
  const alike = names.find((name) =>
    name !== expected && (name === bare || name.endsWith(`.${bare}`))
  );
  if (alike === undefined) return "";
  const prefix = alike.slice(0, alike.length - bare.length);
  const wanted = expected.slice(0, expected.length - bare.length);
  return `; there is "${alike}": rename the tensors, whose prefix "${prefix}" should be "${wanted}", ` +
    "as save_pretrained() of transformers' own class names them";
}
