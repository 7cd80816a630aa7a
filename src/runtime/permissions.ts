/** The part of Deno that tells its permissions. */
interface DenoPermissions {
  readonly permissions: {
    querySync(descriptor: { name: "read" | "write"; path: string }): { readonly state: string };
  };
}

/** Node's, where it was started with `--permission`. */
interface NodePermissions {
  readonly permission?: { has(scope: string, path: string): boolean };
}

/**
 * Whether a path may be read or written as far as the runtime's own permissions go, without asking
 * anybody for one. The system may still refuse.
 */
export function isPermitted(name: "read" | "write", path: string): boolean {
  const { Deno, process } = globalThis as { Deno?: DenoPermissions; process?: NodePermissions };
  if (Deno !== undefined) return Deno.permissions.querySync({ name, path }).state === "granted";
  return process?.permission?.has(`fs.${name}`, path) ?? true;
}
