/** The other side of `computing.ts`: finds the function and calls it. */
export default async function compute({
  module,
  name,
  args,
}: {
  readonly module: string;
  readonly name: string;
  readonly args: readonly unknown[];
}): Promise<unknown> {
  const exported: unknown = ((await import(module)) as Record<string, unknown>)[name];
  if (typeof exported !== 'function') throw new TypeError(`${module} exports no function ${name}`);
  return (exported as (...args: readonly unknown[]) => unknown)(...args);
}
