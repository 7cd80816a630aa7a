/**
 * A module of Node's, looked for at run time, so that what imports this loads in a browser too;
 * `undefined` where the runtime has no such module.
 */
export function builtin<Module>(name: `node:${string}`): Module | undefined {
  const { process } = globalThis as {
    process?: { getBuiltinModule?: (name: string) => Module | undefined };
  };
  return process?.getBuiltinModule?.(name);
}

/**
 * As {@link builtin}.
 *
 * @throws {Error} Where the runtime has no such module.
 */
export function requireBuiltin<Module>(name: `node:${string}`): Module {
  const module = builtin<Module>(name);
  if (module === undefined) throw new Error(`the runtime has no ${name}`);
  return module;
}
